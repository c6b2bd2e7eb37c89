"""Converts image files to stored examples, according to the options for channels, size, background and range."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from zoo.formats.image_file import UnreadableImageError, check_memory, decode, frame_count, opened
from zoo.formats.image_pixels import SIXTEEN_BITS, is_deep, is_known_mode, prepare_pixels, smallest_side
from zoo.formats.target_size import TargetSize

Frames = Literal["refuse", "first", "all"]
_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class ImageFormat:
    """Reads an image file or a Pillow image as an example.

    Attributes:
        channels: 1 for grey, 3 for colour.
        target: the size to which images are resized; None: each keeps its size.
        background: colour behind transparent pixels and around padded images, in the notation of Pillow; None: white
            behind transparent pixels, black around padded images.
        value_range: values that become 0 and 255 in images of more than eight bits; None: 0 and 65535.
        frames: ``refuse`` a file with several pages or frames, use the ``first``, or read ``all``.
        max_image_mb: megabytes (10⁶ bytes) that decoding one file may need.

    Example:
        >>> from PIL import Image
        >>> from zoo.datasets import ImageFormat, TargetSize
        >>> form = ImageFormat(channels=1, target=TargetSize(4, 4))
        >>> form.read(Image.new("RGBA", (8, 8), (0, 0, 0, 0))).unique()  # transparent: white shows through
        tensor([255], dtype=torch.uint8)
    """

    channels: int = 3
    target: TargetSize | None = None
    background: str | None = None
    value_range: tuple[float, float] | None = None
    frames: Frames = "refuse"
    max_image_mb: int = 1024

    @property
    def padding(self) -> tuple[float, ...]:
        """The stored value of each channel around a padded image."""
        from PIL import ImageColor

        colour = ImageColor.getcolor(self.background or "black", _MODES[self.channels])
        return tuple(map(float, colour)) if isinstance(colour, tuple) else (float(colour),)

    def read(self, source: str | Path | Any, frame: int = 0) -> Tensor:
        """Return an image (channels, height, width), uint8.

        Args:
            source: the path of a file, or a Pillow image.
            frame: the page or frame of the file, from 0.

        Raises:
            UnreadableImageError: the file cannot be opened or decoded, needs too much memory, has several frames, or
                has pixels of an unknown type; the message names the file.
        """
        if not isinstance(source, (str, Path)):
            self._check(source, "the image")
            source.load()  # also turns a TIFF upright
            return self._tensor(source)
        file = str(source)
        with opened(file, frame) as image:
            self.check_header(image, file)
            decode(image)
            return self._tensor(image)

    def check_header(self, image: Any, file: str) -> None:
        """Raise an error if an opened image cannot be used, judging by its header only.

        Raises:
            UnreadableImageError: it has several frames, too many pixels, or pixels of an unknown type.
        """
        count = frame_count(image)
        if self.frames == "refuse" and count > 1:
            raise UnreadableImageError(
                f"expected one page or frame, got {count} in {file}",
                where="root",
                remedy="`frames: first` uses the first frame of each file, `frames: all` makes each an example.",
            )
        self._check(image, file)
        check_memory(image, file, smallest_side(self.target), self.max_image_mb)

    def _check(self, image: Any, name: str) -> None:
        if not is_known_mode(image.mode):
            raise UnreadableImageError(
                f"expected pixels in grey, colour, CMYK or with a palette, got mode {image.mode} in {name}",
                where="root",
                remedy="Convert the image, or save the values as an array and use the dataset `arrays`.",
            )
        # Older versions of Pillow read the 16 bits of a PNG as 32.
        if image.mode in ("I", "F") and self.value_range is None and image.format != "PNG":
            raise UnreadableImageError(
                f"expected pixels with a known range, got 32-bit numbers (mode {image.mode}) in {name}",
                where="root",
                remedy="State the values of black and white, for example `value_range: [0, 4095]`, or save the values "
                "as an array and use the dataset `arrays`.",
            )

    def _tensor(self, image: Any) -> Tensor:
        pixels = prepare_pixels(
            image,
            mode=_MODES[self.channels],
            target=self.target,
            behind=self.background or "white",
            around=self.background or "black",
            deep_range=self.value_range or SIXTEEN_BITS,
        )
        array = np.array(pixels, dtype=np.uint8).reshape(pixels.height, pixels.width, self.channels)
        return torch.from_numpy(array).permute(2, 0, 1).contiguous()

    def largest_value(self, file: str) -> float | None:
        """Return the largest value in an image of more than eight bits; None for any other image."""
        with opened(file) as image:
            if not is_deep(image):
                return None
            check_memory(image, file, None, self.max_image_mb)
            decode(image)
            return float(np.nanmax(np.asarray(image)))
