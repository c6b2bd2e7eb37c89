"""From labels as people store them to class numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.formats.array_rows import Array

_LARGEST = 4_000_000_000
_EXACT = 2**53
"""From here on, floats no longer tell neighbouring whole numbers apart."""


@dataclass(frozen=True)
class Labels:
    """The labels of one split as they are stored.

    Attributes:
        values: (N,) or (N, 1), whole numbers or texts.
        name: what their array is called, with its file.
    """

    values: Array
    name: str


def class_numbers(labels: Mapping[str, Labels]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Number the classes from 0 in their sorted order, over all splits, and name them.

    Raises:
        DataError: labels are of another type or number; the message names their array.

    Example:
        >>> numbers, names = class_numbers({"train": Labels(np.array([7, 3, 7]), "y in data.npz")})
        >>> numbers["train"], names
        (tensor([1, 0, 1]), ('3', '7'))
    """
    flat = {split: _flat(each) for split, each in labels.items()}
    texts = {split: values.dtype.kind == "U" for split, values in flat.items()}
    if len(set(texts.values())) > 1:
        one, other = (next(labels[split].name for split in texts if texts[split] is kind) for kind in (True, False))
        raise DataError(
            f"{one} holds texts, {other} holds numbers", where="labels", remedy="Save the labels of all splits alike."
        )
    classes, numbers = np.unique(np.concatenate(list(flat.values())), return_inverse=True)
    ends = np.cumsum([len(values) for values in flat.values()])[:-1]
    parts = np.split(numbers.reshape(-1).astype(np.int64), ends)
    return {split: torch.from_numpy(part) for split, part in zip(flat, parts, strict=True)}, tuple(map(str, classes))


def check_form(shape: tuple[int, ...], size: int, name: str, examples: str, count: int) -> None:
    """Refuse labels by the header of their file, before they are read.

    Args:
        size: bytes that they take.
        name: what their array is called, with its file.
        examples: what the array of the examples is called, with its shape.
        count: number of examples.

    Raises:
        DataError: they are not one for each example, or texts as long as books.
    """
    if shape not in ((count,), (count, 1)):
        raise DataError(
            f"expected {count} labels, one for each example in {examples}, got {name} of shape {shape}", where="labels"
        )
    if size > _LARGEST:
        raise DataError(
            f"expected labels of at most {_LARGEST // 10**9} GB, got {name} of {size / 1e9:,.1f} GB",
            where="labels",
            remedy="Save the names of the classes, or their numbers.",
        )


def _flat(labels: Labels) -> Array:
    """Return labels (N,) as int64 or texts."""
    values = labels.values.reshape(-1)
    if values.dtype.kind == "S":
        return _decoded(values, labels.name)
    if values.dtype.kind == "U":
        return values
    if values.dtype.kind not in "buif":
        raise DataError(
            f"expected whole numbers or texts as labels, got {labels.name} of type {values.dtype}",
            where="labels",
            remedy="Save them as texts, for example with `.astype(str)`.",
        )
    _check_whole(values, labels.name)
    return values.astype(np.int64)


def _check_whole(values: Array, name: str) -> None:
    """Refuse numbers that are not classes: missing, with a fraction, or too large to be distinguished."""
    if values.dtype.kind in "bi":
        return
    largest = _EXACT if values.dtype.kind == "f" else np.iinfo(np.int64).max
    remedies = {
        "A label is missing: leave out its example, or give it a class.": ~np.isfinite(values),
        "Labels are classes: leave a quantity out, or make it a feature of the examples.": values != np.floor(values),
        "Number the classes from 0.": np.abs(values) > largest,
    }
    for remedy, wrong in remedies.items():
        if wrong.any():
            index = int(np.argmax(wrong))
            raise DataError(
                f"expected whole numbers or texts as labels, got {values[index]} as number {index} of {name}",
                where="labels",
                remedy=remedy,
            )


def _decoded(values: Array, name: str) -> Array:
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} holds bytes that are not UTF-8 text", where="labels") from error
