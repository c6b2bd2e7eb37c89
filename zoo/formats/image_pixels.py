"""Converts images of any Pillow mode to 8-bit grey or colour, upright, opaque and of one size."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.formats.image_file import orientation
from zoo.formats.target_size import TargetSize

SIXTEEN_BITS = (0.0, 65535.0)
_REDUCING_GAP = 3
"""An image is first reduced by averaging, but stays at least this many times larger than the target, so that the final
resampling keeps its quality."""

_ROWS_AT_ONCE = 1024
_DIRECT = {"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"}
_FIRST_TO = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "PA": "RGBA"}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}


def is_deep(image: Any) -> bool:
    """Return whether each pixel is a single number of more than eight bits."""
    return image.mode.startswith("I") or image.mode == "F"


def is_grey(image: Any) -> bool:
    """Return whether the pixels are stored in grey, with or without transparency, as far as the mode tells."""
    return image.mode in ("1", "L", "LA", "La") or is_deep(image)


def is_known_mode(mode: str) -> bool:
    """Return whether pixels of this mode can be read; 32-bit pixels also need a range."""
    return mode in _DIRECT or mode in _FIRST_TO or mode in ("P", "I", "F") or mode.startswith("I;16")


def smallest_side(target: TargetSize | None) -> int | None:
    """Return the smallest side length in pixels from which resampling an image to the target keeps its quality."""
    return None if target is None else _REDUCING_GAP * max(target.height, target.width)


def prepare_pixels(
    image: Any,
    *,
    mode: str,
    target: TargetSize | None,
    behind: str,
    around: str,
    deep_range: tuple[float, float],
) -> Any:
    """Return a decoded image in ``mode``, upright, opaque and of the target size.

    Args:
        mode: ``L`` or ``RGB``.
        target: the size to return; None: keep the size.
        behind: colour behind transparent pixels.
        around: colour of padding.
        deep_range: values that become 0 and 255 in an image of more than eight bits.
    """
    # Pillow turns a TIFF upright when it decodes it, but only some versions remove the orientation afterwards.
    turned = 1 if image.format == "TIFF" else orientation(image)
    pixels = _eight_bits(image, deep_range)
    smallest = smallest_side(target)
    if smallest is not None and (factor := min(pixels.size) // smallest) > 1:
        pixels = pixels.reduce(factor)
    pixels = _flattened(_upright(pixels, turned), behind).convert(mode)
    return pixels if target is None else _resized(pixels, target, around)


def _eight_bits(image: Any, deep_range: tuple[float, float]) -> Any:
    """Return an image in a mode whose pixels can be averaged, with transparency as a channel."""
    if is_deep(image):
        return _from_deep(image, deep_range)
    if image.mode == "P":
        # The transparency of a palette is lost, with a warning, unless it is converted to a channel first.
        transparent = "transparency" in image.info or image.palette.mode.endswith("A")
        return image.convert("RGBA" if transparent else "RGB")
    if image.mode in _FIRST_TO:
        image = image.convert(_FIRST_TO[image.mode])
    if "transparency" in image.info and image.mode in _WITH_ALPHA:
        return image.convert(_WITH_ALPHA[image.mode])
    return image


def _from_deep(image: Any, deep_range: tuple[float, float]) -> Any:
    """Map the range of an image of more than eight bits to 0 … 255; one of its values may be transparent."""
    from PIL import Image

    values = np.asarray(image)
    low, high = deep_range
    grey = np.empty(values.shape, dtype=np.uint8)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        scaled = (values[rows].astype(np.float32) - low) * np.float32(255 / (high - low))
        grey[rows] = np.nan_to_num(scaled).round().clip(0, 255)
    pixels = Image.fromarray(grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        pixels.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return pixels


def _upright(pixels: Any, turned: int) -> Any:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return pixels.transpose(turns[turned]) if turned in turns else pixels


def _flattened(pixels: Any, behind: str) -> Any:
    """Return an opaque image: transparent pixels show the colour behind them."""
    from PIL import Image

    if pixels.mode not in ("LA", "RGBA"):
        return pixels
    colours = pixels.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", pixels.size, behind), colours).convert("RGB")


def _resized(pixels: Any, target: TargetSize, around: str) -> Any:
    from PIL import Image, ImageOps

    size, bilinear = (target.width, target.height), Image.Resampling.BILINEAR
    if pixels.size == size:
        return pixels
    if target.fit == "crop":
        return ImageOps.fit(pixels, size, method=bilinear)
    height, width = target.scaled(pixels.height, pixels.width)
    scaled = pixels.resize((width, height), bilinear)
    if target.fit == "stretch":
        return scaled
    padded = Image.new(pixels.mode, size, around)
    padded.paste(scaled, ((target.width - width) // 2, (target.height - height) // 2))
    return padded
