"""Checking the values of arrays, and bringing them into the form in which examples are stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.datasets import Indexable
from zoo.datasets._array_file import Array, ArrayFile, map_npy
from zoo.errors import DataError


@dataclass(frozen=True)
class Values:
    """What the values of examples are to be.

    Attributes:
        channels_last: images are stored (N, H, W, C).
        bounds: smallest and largest value, None without.
    """

    channels_last: bool
    bounds: tuple[float, float] | None

    def read(self, file: ArrayFile, name: str) -> Tensor | Indexable:
        """Return the examples (N, *data_shape) called ``name``, checked; streamed ones when they are read.

        Raises:
            DataError: they are not finite numbers in range, or neither vectors nor images.
        """
        array = file.read(name)
        where = f"the array {name!r}"
        _check_form(array, where, self.channels_last)
        path = file.streamed(name)
        return self.convert(array, where) if path is None else MappedRows(path, self)

    def range_of(self, file: ArrayFile, name: str) -> tuple[float, float] | None:
        """Return the smallest and largest value that an example can hold, None without bounds."""
        if self.bounds is not None:
            return self.bounds
        return {"u1": (0.0, 255.0), "b1": (0.0, 1.0)}.get(file.read(name).dtype.str[1:])

    def convert(self, array: Array, where: str) -> Tensor:
        """Map an array (N, …) to a tensor (N, *data_shape) of its own memory, uint8 or float32."""
        kind = np.uint8 if array.dtype.str[1:] in ("u1", "b1") else np.float32
        with np.errstate(over="ignore"):  # an overflow shows as infinity, which is refused below
            values = torch.from_numpy(np.array(array, dtype=kind, order="C"))
        if values.is_floating_point() and not bool(values.isfinite().all()):
            example = int((~values.isfinite()).flatten(1).any(1).nonzero()[0])
            raise DataError(
                f"{where} holds NaN or infinity (in 32 bits), first in example {example}",
                where="examples",
                remedy="Remove such examples, or fill in the values, before saving.",
            )
        if self.bounds is not None:
            _check_bounds(values, self.bounds, where)
        if values.ndim == 4 and self.channels_last:
            return values.permute(0, 3, 1, 2).contiguous()
        return values.unsqueeze(1) if values.ndim == 3 else values


class MappedRows(Indexable):
    """The examples of a ``.npy`` file that does not fit in memory."""

    def __init__(self, path: Path, values: Values) -> None:
        self._path, self._values = path, values

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        where = f"{self._path}, example {index},"
        return self._values.convert(self._rows[index : index + 1], where)[0], -1

    @cached_property
    def _rows(self) -> Array:
        return map_npy(self._path)

    def __getstate__(self) -> dict[str, object]:
        # A worker maps the file itself: a mapped array would be sent as all of its bytes.
        return {"_path": self._path, "_values": self._values}


def _check_form(array: Array, where: str, channels_last: bool) -> None:
    if array.dtype.kind not in "buif":
        raise DataError(f"{where} holds {array.dtype}, numbers were needed", where="examples")
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise DataError(
            f"{where} has shape {array.shape}, (N, D), (N, H, W) or (N, C, H, W) was needed",
            where="examples",
            remedy="Reshape it before saving; a single feature is (N, 1).",
        )
    if channels_last and array.ndim != 4:
        problem = f"images (N, H, W, C) were needed, {where} has shape {array.shape}"
        raise DataError(problem, where="channels_last")


def _check_bounds(values: Tensor, bounds: tuple[float, float], where: str) -> None:
    low, high = float(values.min()), float(values.max())
    if low < bounds[0] or high > bounds[1]:
        raise DataError(
            f"{where} holds values from {low:g} to {high:g}, outside {bounds[0]:g} … {bounds[1]:g}",
            where="value_range",
            remedy="Widen the range.",
        )
