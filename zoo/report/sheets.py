"""Sheets: many decoded examples packed into one string, exact to the grey level, which the page unpacks."""

from __future__ import annotations

import base64
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import NotApplicableError

_LARGEST_SIDE = 96
_MOST_VALUES, _MOST_STEPS = 128, 4096
_MOST_PIXELS = 12_000_000
"""The largest number of pixels; canvases of phones are limited to about sixteen million."""

_COMPRESSION = 7
"""Compression level; level 9 takes three times as long for two per cent fewer bytes."""

Sheet = dict[str, Any]
"""A packed sheet: its number of ``rows`` and ``columns``, and its ``source``."""


class SheetFormat(ABC):
    """The format in which examples of one shape are packed and shown."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the information with which the page shows an example."""

    @abstractmethod
    def pack(self, examples: Tensor, *, smooth: bool) -> Sheet:
        """Pack examples (rows, columns, *data_shape).

        Args:
            smooth: neighbours resemble each other, as they do on a grid of the latent space.
        """

    @abstractmethod
    def most(self) -> int:
        """Return the maximum number of examples of a sheet."""


class ImageFormat(SheetFormat):
    """Images with one or three channels become an 8-bit PNG; one channel is drawn dark on light, as in the figures.

    Args:
        data_shape: (C, H, W).
        data_range: the values at the two ends of the scale.
    """

    def __init__(self, data_shape: tuple[int, ...], data_range: tuple[float, float]) -> None:
        self.channels, self.low, self.high = data_shape[0], *data_range
        self.reduction = math.ceil(max(data_shape[1:]) / _LARGEST_SIDE)
        self.height, self.width = (math.ceil(side / self.reduction) for side in data_shape[1:])

    def describe(self) -> dict[str, Any]:
        return {"kind": "image", "height": self.height, "width": self.width}

    def most(self) -> int:
        return _MOST_PIXELS // (self.height * self.width)

    def pixels(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) as they are displayed, (N, C, height, width) uint8."""
        unit = ((images.detach().cpu().float() - self.low) / max(self.high - self.low, 1e-12)).clamp(0, 1)
        if self.reduction > 1:
            unit = F.avg_pool2d(unit, self.reduction, ceil_mode=True)
        levels = (255 * unit).round().to(torch.uint8)
        return 255 - levels if self.channels == 1 else levels

    def pack(self, examples: Tensor, *, smooth: bool) -> Sheet:
        rows, columns = examples.shape[:2]
        pixels = self.pixels(examples.flatten(0, 1)).unflatten(0, (rows, columns))
        # Neighbours in a grid of a latent space are more alike than neighbouring pixels: all values of the first pixel,
        # then all of the second, take less than half of the bytes of one image after another.
        order = (3, 0, 4, 1, 2) if smooth else (0, 3, 1, 4, 2)
        sheet = pixels.permute(order).reshape(rows * self.height, columns * self.width, self.channels)
        return {"rows": rows, "columns": columns, "smooth": smooth, "source": png_uri(sheet)}


class ValueFormat(SheetFormat):
    """Short vectors become little-endian float32, shown as bars; series likewise, shown as lines.

    Args:
        data_shape: (features,), or (channels, length) of series.
        data_range: the two ends of the scale.
        names: of the features; none where they have no names.
    """

    def __init__(self, data_shape: tuple[int, ...], data_range: tuple[float, float], names: Sequence[str] = ()) -> None:
        self.shape, self.features, self.names = data_shape, math.prod(data_shape), list(names)
        self.low, self.high = data_range

    def describe(self) -> dict[str, Any]:
        if len(self.shape) == 2:
            channels = self.shape[0]
            return {
                "kind": "series",
                "features": self.features,
                "channels": channels,
                "low": self.low,
                "high": self.high,
            }
        ends = {"low": min(self.low, 0.0), "high": max(self.high, 0.0)}
        return {"kind": "values", "features": self.features, "names": self.names, **ends}

    def most(self) -> int:
        return _MOST_PIXELS // self.features

    def pack(self, examples: Tensor, *, smooth: bool) -> Sheet:
        values = examples.detach().cpu().numpy().astype("<f4")
        return {
            "rows": len(examples),
            "columns": examples.shape[1],
            "source": base64.b64encode(values.tobytes()).decode(),
        }


def check_sheet(data_shape: tuple[int, ...]) -> None:
    """Check that examples of a shape can be shown one by one.

    Raises:
        NotApplicableError: they cannot.
    """
    if len(data_shape) == 3:
        if data_shape[0] not in (1, 3):
            raise NotApplicableError(f"the images have {data_shape[0]} channels, not one or three")
    elif len(data_shape) == 2:
        if math.prod(data_shape) > _MOST_STEPS:
            raise NotApplicableError(f"a series has {math.prod(data_shape):,} values, too many for a page")
    elif len(data_shape) != 1:
        raise NotApplicableError(f"the data are neither images nor series nor rows, but of shape {list(data_shape)}")
    elif data_shape[0] > _MOST_VALUES:
        raise NotApplicableError(f"an example has {data_shape[0]:,} values, too many to tell apart as bars")


def sheet_format(
    data_shape: tuple[int, ...], data_range: tuple[float, float], names: Sequence[str] = ()
) -> SheetFormat:
    """Return the format of examples of a shape that :func:`check_sheet` accepts.

    Args:
        names: of the values of a row.
    """
    if len(data_shape) == 3:
        return ImageFormat(data_shape, data_range)
    return ValueFormat(data_shape, data_range, names)


def png_uri(pixels: Tensor) -> str:
    """Return pixels (H, W, C) uint8 as a data URI of a PNG."""
    image = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray(image.contiguous().numpy()).save(buffer, "PNG", compress_level=_COMPRESSION)
    return data_uri(buffer.getvalue(), "image/png")


def data_uri(content: bytes, media_type: str) -> str:
    """Return bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def largest_within(budget: int, start: int, least: int, size_of: Callable[[int], int]) -> int:
    """Return a number near the largest one whose size stays within a budget, ``least`` if none does.

    Args:
        start: the largest number to try.
        size_of: grows about in proportion to its argument.

    Example:
        >>> largest_within(1000, 500, 1, lambda n: 10 * n)
        97
    """
    number = start
    while number > least:
        size = size_of(number)
        if size <= budget:
            break
        number = max(least, min(number - 1, int(number * budget / size * 0.97)))
    return number
