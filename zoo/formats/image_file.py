"""Opens image files of a few known formats, with a limit on memory and errors that name the file."""

from __future__ import annotations

import contextlib
import functools
import importlib
import struct
import threading
from collections.abc import Iterator
from typing import IO, Any

from zoo.errors import DataError, ZooError

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Formats in the order in which they are tried. Pillow reads more, but starts other programs for some of them."""

_PLUGINS = ("Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP")
_ORIENTATION, _QUARTER_TURNS = 0x0112, {5, 6, 7, 8}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_SCALED_BY = {"L;2": 85, "L;4": 17}
"""The factor by which Pillow multiplies pixels of less than 8 bits when it decodes them."""
_BYTES_A_PIXEL = {"L": 1, "1": 2, "P": 5, "I;16": 5, "I;16L": 5, "I;16B": 5, "I": 9, "F": 9}
"""Memory for a pixel while an image is decoded and converted to a mode that can be reduced; 4 for other modes."""

_pillow_limit = threading.Lock()


class UnreadableImageError(DataError):
    """A file cannot be used as an image; ``on_error: skip`` leaves such files out."""


@contextlib.contextmanager
def opened(file: str, frame: int = 0) -> Iterator[Any]:
    """Open an image file at one of its frames; only the header is read.

    Raises:
        UnreadableImageError: the file cannot be opened, or cannot be decoded in the body of the ``with`` statement.
    """
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - faster for a million files than making a Path of each
            image = _identify(stream, file)
            _scale_transparent_value(image)
            if frame:
                image.seek(frame)
            yield image
    except ZooError:
        raise
    except MemoryError as error:
        raise UnreadableImageError(
            f"there is not enough memory to decode {file}", where="root", remedy="Scale the image down beforehand."
        ) from error
    except Exception as error:  # for damaged files, decoders raise OSError, SyntaxError, ValueError and others
        raise _unreadable(file, error) from error


def _identify(stream: IO[bytes], file: str) -> Any:
    """Return the Pillow image in a stream.

    ``Image.open`` does the same, but limits the number of pixels instead of the memory that they need.
    """
    prefix = stream.read(16)
    reason = f"it begins with {prefix!r}" if prefix else "it is empty"
    for factory, accepts in _known_formats():
        answer = accepts(prefix) if prefix else False
        if isinstance(answer, str):  # the reason why this format is not supported here
            reason = answer
        elif answer:
            stream.seek(0)
            try:
                return factory(stream, file)
            except (SyntaxError, IndexError, TypeError, struct.error) as error:
                reason = str(error)
    from PIL import UnidentifiedImageError

    raise UnidentifiedImageError(reason)


def _scale_transparent_value(image: Any) -> None:
    """Scale the transparent value of a PNG like the pixels. Pillow scales only the pixels."""
    key = image.info.get("transparency")
    if image.format != "PNG" or not image.tile or not isinstance(key, int | tuple):
        return
    stored = image.tile[0][3]
    if stored in _SCALED_BY and isinstance(key, int):
        image.info["transparency"] = key * _SCALED_BY[stored]
    elif stored == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)


@functools.cache
def _known_formats() -> list[tuple[Any, Any]]:
    from PIL import Image

    for name in _PLUGINS:
        importlib.import_module(f"PIL.{name}ImagePlugin")
    return [Image.OPEN[name] for name in _FORMATS if name in Image.OPEN]


def _unreadable(file: str, error: Exception) -> UnreadableImageError:
    from PIL import Image

    if isinstance(error, FileNotFoundError | PermissionError):
        return UnreadableImageError(f"{file} cannot be opened: {error.strerror}", where="root")
    if isinstance(error, Image.DecompressionBombError):
        return UnreadableImageError(
            f"{file} has more pixels than Pillow can decode in this format",
            where="root",
            remedy="Scale it down beforehand, or save it as PNG or JPEG.",
        )
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return UnreadableImageError(
        f"{file} is not a readable image ({reason})",
        where="root",
        remedy="Replace or delete the file, or leave out all such files with `on_error: skip`.",
    )


def frame_count(image: Any) -> int:
    """Return the number of pages or frames; 1 for a photograph with a preview or a second view of the same scene."""
    return image.n_frames if image.format != "MPO" and getattr(image, "is_animated", False) else 1


def upright_size(image: Any) -> tuple[int, int]:
    """Return the height and width that an image has after it is turned upright, from its header."""
    width, height = image.size
    if image.format == "TIFF":
        # It depends on the version of Pillow whether `size` is that of the upright image.
        width, height = image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]
        turned = image.tag_v2.get(_ORIENTATION) in _QUARTER_TURNS
    else:
        # A PNG may store its orientation after the pixels, and would have to be decoded to read it.
        known = image.format != "PNG" or "exif" in image.info
        turned = known and orientation(image) in _QUARTER_TURNS
    return (width, height) if turned else (height, width)


def orientation(image: Any) -> int:
    """Return the EXIF orientation, from 1 to 8; 1 (upright) if it is not known."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, ZeroDivisionError, struct.error):
        return 1  # damaged EXIF data do not affect the pixels


def check_memory(image: Any, file: str, smallest: int | None, limit_mb: int) -> None:
    """Raise an error if an image needs too much memory to decode.

    A JPEG is set to be decoded at a smaller size if both of its sides stay at least ``smallest`` pixels long.

    Args:
        smallest: length in pixels that each side must keep; None: keep the size.
        limit_mb: megabytes (10⁶ bytes) that decoding may need.

    Raises:
        UnreadableImageError: the image needs more.
    """
    full = image.size
    if smallest is not None:
        image.draft(None, (smallest, smallest))  # affects only JPEG
    needed = image.size[0] * image.size[1] * _BYTES_A_PIXEL.get(image.mode, 4)
    if image.info.get("progressive"):
        # All coefficients are kept until the last scan, regardless of the size.
        needed += full[0] * full[1] * len(image.getbands()) * 2
    if needed > limit_mb * 1_000_000:
        raise UnreadableImageError(
            f"{file} has {full[1]:,} × {full[0]:,} pixels (height × width) and needs {needed / 1e6:,.0f} MB to decode, "
            f"more than the limit of {limit_mb:,} MB",
            where="root",
            remedy="If you trust the file and have enough memory, raise `max_image_mb`; otherwise scale it down "
            "beforehand.",
        )


def decode(image: Any) -> None:
    """Decode an image in place, after :func:`check_memory` has accepted it."""
    with _without_pillow_limit(image.size[0] * image.size[1]):
        image.load()


@contextlib.contextmanager
def _without_pillow_limit(pixels: int) -> Iterator[None]:
    """Disable Pillow's limit on pixels in this block for an image that exceeds it, for one image at a time."""
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _pillow_limit:
        # Several of Pillow's decoders check the limit again, and it can only be changed globally.
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
