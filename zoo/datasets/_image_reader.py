"""Reading image files into tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError, ZooError

_ORIENTATION, _QUARTER_TURNS = 0x0112, {5, 6, 7, 8}
_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa"}


class ImageReader:
    """The images of a list of files.

    Args:
        size: height and width of each.
        crop: scale and crop images to the size; otherwise another size is refused.
    """

    def __init__(self, files: list[str], size: tuple[int, int], *, channels: int, crop: bool) -> None:
        self.files, self.size, self.channels, self.crop = files, size, channels, crop

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, *self.size

    def __len__(self) -> int:
        return len(self.files)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, None]:
        """Return the images (B, C, H, W) at ``indices``; labels are known beforehand."""
        return torch.stack([self.image(self.files[index]) for index in indices]), None

    def image(self, file: str) -> Tensor:
        """Return the image (C, H, W), uint8, turned upright as its camera says.

        Raises:
            DataError: the file is broken, of another size, or has more than 8 bits a channel.
        """
        with _opened(file) as image:
            return self.pixels(image, file)

    def pixels(self, image: Any, file: str) -> Tensor:
        """Return an opened image (C, H, W), uint8, turned upright.

        Args:
            file: what it is called in errors.
        """
        from PIL import Image, ImageOps

        upright = ImageOps.exif_transpose(image)
        if upright.mode == "P":
            # A palette's transparency is lost with a warning unless it is made a channel first.
            upright = upright.convert("RGBA")
        pixels = upright.convert("RGB" if self.channels == 3 else "L")
        if self.crop:
            pixels = ImageOps.fit(pixels, self.size[::-1], method=Image.Resampling.BILINEAR)
        if pixels.size != self.size[::-1]:
            raise _other_size(file, pixels.size[::-1], self.size)
        array = np.array(pixels, dtype=np.uint8).reshape(*self.size, self.channels)
        return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def read_shape(file: str) -> tuple[int, int]:
    """Return the height and width of an image, turned upright, from its header."""
    with _opened(file) as image:
        # Asking a PNG would decode all of it.
        turned = image.format != "PNG" and image.getexif().get(_ORIENTATION) in _QUARTER_TURNS
        width, height = image.size
        return (width, height) if turned else (height, width)


def check_header(file: str, size: tuple[int, int] | None) -> None:
    """Refuse a file that is no image, or whose height and width are not ``size``."""
    came = read_shape(file)
    if size is not None and came != size:
        raise _other_size(file, came, size)


def _other_size(file: str, came: tuple[int, int], needed: tuple[int, int]) -> DataError:
    return DataError(
        f"{file} has {came[0]} × {came[1]} pixels (height × width), the first {needed[0]} × {needed[1]}",
        where="root",
        remedy=f"Bring all images to one size with `data.size`, for example [{needed[0]}, {needed[1]}].",
    )


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode not in _EIGHT_BITS:
                raise DataError(
                    f"{file} has pixels of mode {image.mode}, 8 bits a channel were needed",
                    where="root",
                    remedy="Convert it to 8 bits, or store the values as an array and use the dataset `arrays`.",
                )
            yield image
    except ZooError:
        raise
    except Exception as error:  # decoders of broken files raise OSError, SyntaxError, ValueError and more
        raise DataError(
            f"{file} is no readable image ({type(error).__name__}: {error})",
            where="root",
            remedy="Replace or delete the file.",
        ) from error
