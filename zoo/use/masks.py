"""Masks of observed values: from files, in the shape of stored examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError, InputError
from zoo.preparation.raw import tensor_of_numbers
from zoo.use.rows import Array
from zoo.use.source import Source
from zoo.utils.foreign import open_regular, parsing
from zoo.utils.memory import check_memory

_FORMS = "Write it with np.save, true or 1 for observed values, or as a black and white PNG."


def read_mask(path: Path) -> Array:
    """Read a mask from an ``.npy`` or ``.npz`` file, or from an image, whose bright pixels are observed.

    Raises:
        DataError: the file is missing, damaged or of another kind.
    """
    suffix = path.suffix.lower()
    with parsing(path, DataError, remedy=_FORMS), open_regular(path) as file:
        if suffix not in (".npy", ".npz"):
            from PIL import Image

            return np.asarray(Image.open(file).convert("L")) > 127
        found = np.load(file, allow_pickle=False)
        if suffix == ".npy":
            return np.asarray(found)
        # The sizes in the directory of an archive may be wrong, but no more bytes are read.
        size = sum(entry.file_size for entry in found.zip.infolist())
        check_memory(size, "the mask", where=str(path), remedy=_FORMS, refusal=DataError)
        names = found.files
        name = "mask" if "mask" in names else names[0]
        if len(names) > 1 and name != "mask":
            raise DataError(f"expected an array 'mask', got {', '.join(names)}", where=str(path), remedy=_FORMS)
        return np.asarray(found[name])


class Masks:
    """The mask of each example of a source.

    Args:
        shape: of one example as it is stored.

    Raises:
        InputError: the mask has another shape or type, or not as many rows as the data.
    """

    def __init__(self, mask: Any, source: Source, shape: tuple[int, ...]) -> None:
        values = tensor_of_numbers(mask, where="mask")
        if values.dtype != torch.bool and not bool(((values == 0) | (values == 1)).all()):
            raise InputError(
                f"expected booleans, or 0 and 1, got {values.dtype} up to {float(values.max()):g}",
                where="mask",
                remedy="1 means that a value was observed, 0 that it is missing.",
            )
        values = values.bool()
        layouts = [shape, shape[1:], (*shape[1:], shape[0])] if len(shape) == 3 else [shape]
        layouts += [shape[1:]] if len(shape) == 2 and shape[0] == 1 else []
        lengths = {split.positions.max().item() + 1 for split in source.splits.values()}
        for layout in layouts:
            if tuple(values.shape) == layout:
                self._values = _in_shape(values[None], shape)
                self._each = False
                return
            if tuple(values.shape[1:]) == layout and len(values) >= max(lengths):
                if len(source.splits) > 1 and not _from_one(source):
                    raise InputError(
                        "expected a single split for a mask with a row per example, got several",
                        where="mask",
                        remedy="Choose one with `split`.",
                    )
                self._values, self._each = _in_shape(values, shape), True
                return
        expected = ", ".join(map(str, shape))
        raise InputError(
            f"expected a mask of shape ({expected}), or (N, {expected}) for N = {max(lengths)} examples, "
            f"got {tuple(values.shape)}",
            where="mask",
        )

    def of(self, positions: Tensor) -> Tensor:
        """Return the masks (B, *shape) of the examples at ``positions`` (B,) in the stored split."""
        return self._values[positions] if self._each else self._values.expand(len(positions), *self._values.shape[1:])


def _from_one(source: Source) -> bool:
    """Return whether all splits come from a single stored one, so that the row number identifies an example."""
    positions = torch.cat([split.positions for split in source.splits.values()])
    return len(positions.unique()) == len(positions)


def _in_shape(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return masks (B, …) of any layout of images as (B, *shape)."""
    if tuple(values.shape[1:]) == shape:
        return values
    if values.ndim == 4:
        return values.movedim(-1, 1)
    return values[:, None].expand(len(values), *shape)
