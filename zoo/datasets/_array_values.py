"""Checks the values of arrays, and converts them to stored examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.datasets import Indexable
from zoo.errors import DataError
from zoo.formats.array_rows import Array, ArrayRows
from zoo.utils.finite import is_finite
from zoo.utils.memory import check_memory

_NARROW = 0.02
"""If values use at most this share of their range, the range is probably wrong."""


@dataclass(frozen=True)
class Values:
    """The expected layout and range of the values of examples.

    Attributes:
        channels_last: whether images are stored as (N, H, W, C); None: as (N, C, H, W), and a shape that looks like
            channels last is refused.
        bounds: smallest and largest value; None: not stated.
        series: whether arrays (N, C, T) and (N, T) are series instead of images (N, H, W) and vectors.
    """

    channels_last: bool | None
    bounds: tuple[float, float] | None
    series: bool = False

    def check_form(self, rows: ArrayRows, name: str) -> None:
        """Raise an error if an array does not contain vectors or images of numbers.

        Args:
            name: the name of the array, for messages.
        """
        if rows.dtype.kind not in "buif":
            raise DataError(
                f"expected an array of numbers, got {name!r} of type {rows.dtype}",
                where="examples",
                remedy="Convert texts, dates and records to numbers before saving.",
            )
        if len(rows.shape) not in (2, 3, 4) or 0 in rows.shape:
            raise DataError(
                f"expected an array (N, D), (N, H, W) or (N, C, H, W), got {name!r} of shape {rows.shape}",
                where="examples",
                remedy="Reshape it before saving; a single feature has the shape (N, 1).",
            )
        if self.channels_last and len(rows.shape) != 4:
            problem = f"expected images (N, H, W, C), got {name!r} of shape {rows.shape}"
            raise DataError(problem, where="channels_last")
        if self.channels_last is None and len(rows.shape) == 4 and rows.shape[1] > 4 >= rows.shape[3]:
            raise DataError(
                f"expected images (N, C, H, W), got {name!r} of shape {rows.shape}, which looks like (N, H, W, C)",
                where="channels_last",
                remedy=f"State it: `channels_last: true` with {rows.shape[3]} channels, `false` with {rows.shape[1]}.",
            )

    def range_of(self, rows: ArrayRows) -> tuple[float, float] | None:
        """Return the smallest and largest value that an example can have; None if there is no limit."""
        if self.bounds is not None:
            return self.bounds
        return {"u1": (0.0, 255.0), "b1": (0.0, 1.0)}.get(rows.dtype.str[1:])

    def read_all(self, rows: ArrayRows, name: str) -> Tensor:
        """Read all examples (N, *data_shape) into memory.

        Raises:
            DataError: values are not finite numbers in range, or the examples do not fit into memory.
        """
        none = self.convert(np.empty((0, *rows.shape[1:]), rows.dtype), rows, [])
        size = len(rows) * math.prod(none.shape[1:]) * none.element_size()
        remedy = "Lower the limit, so that rows are read on demand."
        check_memory(size, f"the array {name!r}", where="in_memory_limit_mb", remedy=remedy, refusal=DataError)
        examples, start = none.new_empty(len(rows), *none.shape[1:]), 0
        for block in rows.blocks():
            indices = range(start, start + len(block))
            examples[start : indices.stop] = self.convert(block, rows, indices)
            start = indices.stop
        if self.is_out_of_range(examples):
            raise self.range_error(f"the array {name!r}", examples)
        return examples

    def convert(self, array: Array, rows: ArrayRows, indices: Sequence[int]) -> Tensor:
        """Convert the array (B, …) at ``indices`` of ``rows`` to a tensor (B, *data_shape), uint8 or float32.

        Raises:
            DataError: values are not finite numbers.
        """
        kind = np.uint8 if array.dtype.str[1:] in ("u1", "b1") else np.float32
        with np.errstate(over="ignore"):  # an overflow becomes infinity, which is refused below
            values = torch.from_numpy(array.astype(kind, order="C", copy=False))
        if not is_finite(values):
            example = int((~values.isfinite()).flatten(1).any(1).nonzero()[0])
            raise DataError(
                f"expected finite numbers in 32 bits, got NaN or infinity in {rows.locate(indices[example])}",
                where="examples",
                remedy="Before saving, remove such examples or fill in the values.",
            )
        if values.ndim == 4 and self.channels_last:
            return values.permute(0, 3, 1, 2).contiguous()
        return values.unsqueeze(1) if values.ndim == (2 if self.series else 3) else values

    def is_out_of_range(self, values: Tensor) -> bool:
        """Return whether any value is outside the stated bounds."""
        if self.bounds is None:
            return False
        low, high = values.aminmax()
        return float(low) < self.bounds[0] or float(high) > self.bounds[1]

    def suspicious_range(self, values: Tensor | Indexable, rows: ArrayRows) -> str | None:
        """Return a phrase that says why the range is probably wrong; None if it looks right or cannot be checked."""
        bounds = self.range_of(rows)
        if bounds is None or not isinstance(values, Tensor):
            return None
        low, high = (float(end) for end in values.aminmax())
        if not 0 < high - low <= _NARROW * (bounds[1] - bounds[0]):
            return None
        return (
            f"has values from {low:.3g} to {high:.3g}, and is scaled by the range {bounds[0]:g} … {bounds[1]:g}. "
            "If this is not the range of the data, set `value_range`."
        )

    def range_error(self, which: str, values: Tensor) -> DataError:
        """Return the error for values that are out of bounds.

        Args:
            which: names the array or example, for the message.
        """
        assert self.bounds is not None
        return DataError(
            f"expected values from {self.bounds[0]:g} to {self.bounds[1]:g}, got {float(values.min()):g} to "
            f"{float(values.max()):g} in {which}",
            where="value_range",
            remedy="Set a wider range.",
        )


class StreamedRows(Indexable):
    """Examples that do not fit in memory; each is read and checked on demand."""

    def __init__(self, rows: ArrayRows, values: Values) -> None:
        self._rows, self._values = rows, values

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, None]:
        """Return the examples at ``indices``, and None, since the split has the labels."""
        values = self._values.convert(self._rows.read(indices), self._rows, indices)
        if self._values.is_out_of_range(values):
            example = next(number for number, value in enumerate(values) if self._values.is_out_of_range(value))
            raise self._values.range_error(self._rows.locate(indices[example]), values[example])
        return values, None
