"""Checks that examples are not too large, and that resized and padded images fit into memory."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from zoo.data.splitting import Part
from zoo.datasets import Collection
from zoo.errors import DataError
from zoo.spec import DataSpec
from zoo.spec.data_description import LARGEST_EXAMPLE
from zoo.utils.memory import check_memory

ROWS_AT_ONCE = 4096
"""Number of images that are resized at once."""
_BYTES_WHILE_RESIZED = 9
"""Bytes per pixel and channel while an image is resized: the stored value, and two values in float32."""


def check_resized_image(spec: DataSpec) -> None:
    """Raise an error, before images are read, if a single one would not fit into memory at the requested size.

    Raises:
        DataError: the message names the field.
    """
    height, width = (length + 2 * spec.pad for length in spec.resize or (1, 1))
    field = "resize" if spec.resize else "pad"
    size = _BYTES_WHILE_RESIZED * height * width
    check_memory(size, f"an image of {height:,} × {width:,} pixels", where=f"data.{field}", refusal=DataError)


def check_size(spec: DataSpec, collection: Collection, shape: tuple[int, ...], parts: Mapping[str, Part]) -> None:
    """Raise an error if examples are too large, or if the data do not fit into memory after resizing and padding.

    Args:
        shape: shape of one stored example.
        parts: the examples of each split.

    Raises:
        DataError: the message names the field.
    """
    if not (spec.resize or spec.pad):
        _check_example(shape, None)
        return
    field = f"data.{'resize' if spec.resize else 'pad'}"
    height, width = (length + 2 * spec.pad for length in spec.resize or shape[1:])
    _check_example((shape[0], height, width), field)
    pixels = shape[0] * height * width
    held = 0
    for part in parts.values():
        examples = collection.splits[part.stored].examples
        if isinstance(examples, Tensor):
            held += len(part.positions) * pixels * examples.itemsize
    at_once = min(ROWS_AT_ONCE, max(len(part.positions) for part in parts.values())) if held else 1
    what = f"the data of {spec.name}, resized or padded to {height:,} × {width:,} pixels,"
    size = held + _BYTES_WHILE_RESIZED * pixels * at_once
    check_memory(size, what, where=field, refusal=DataError)


def _check_example(shape: tuple[int, ...], field: str | None) -> None:
    if math.prod(shape) > LARGEST_EXAMPLE:
        raise DataError(
            f"expected examples of at most {LARGEST_EXAMPLE:,} values, got shape {shape}",
            where=field,
            remedy="Set `resize` of the data to a smaller size of images." if not field else None,
        )
