"""From labels as people store them to class numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from zoo.datasets._array_rows import Array
from zoo.errors import DataError


def class_numbers(
    raw: Mapping[str, Array], sizes: Mapping[str, int], path: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Number the classes from 0 in their sorted order, over all splits, and name them.

    Args:
        raw: labels (N,) or (N, 1) of each split: whole numbers or texts.
        sizes: number of examples in each split.

    Raises:
        DataError: labels are of another type or number.

    Example:
        >>> numbers, names = class_numbers({"train": np.array([7, 3, 7])}, {"train": 3}, "data.npz")
        >>> numbers["train"], names
        (tensor([1, 0, 1]), ('3', '7'))
    """
    flat = {split: _checked(values, sizes[split], f"{split} labels of {path}") for split, values in raw.items()}
    classes, numbers = np.unique(np.concatenate(list(flat.values())), return_inverse=True)
    ends = np.cumsum([len(values) for values in flat.values()])[:-1]
    parts = np.split(numbers.reshape(-1).astype(np.int64), ends)
    return {split: torch.from_numpy(part) for split, part in zip(flat, parts, strict=True)}, tuple(map(str, classes))


def _checked(labels: Array, size: int, which: str) -> Array:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (size,):
        raise DataError(f"{size} labels were needed, the {which} have shape {labels.shape}", where="labels")
    whole = labels.dtype.kind == "f" and bool(np.all(labels == np.floor(labels)))
    if labels.dtype.kind not in "buiU" and not whole:
        raise DataError(
            f"the {which} are {labels.dtype}; whole numbers or texts were needed",
            where="labels",
            remedy="Labels are classes; leave a quantity out, or make it one of the examples' features.",
        )
    return labels.astype(np.int64) if labels.dtype.kind in "buf" else labels
