"""Converts stored labels, whole numbers or texts, to class numbers."""

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
"""From here on, floating-point numbers cannot represent every whole number."""


@dataclass(frozen=True)
class Labels:
    """The stored labels of one split.

    Attributes:
        values: (N,) or (N, 1), whole numbers or texts.
        name: the name of their array and its file, for messages.
    """

    values: Array
    name: str


def class_numbers(labels: Mapping[str, Labels]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Number the classes of all splits from 0, in sorted order.

    Args:
        labels: the labels of each split.

    Returns:
        The class numbers (N,), int64, of each split, and the names of the classes.

    Raises:
        DataError: labels are neither whole numbers nor texts, or some splits have numbers and others texts.

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
            f"expected labels of one type, got texts in {one} and numbers in {other}",
            where="labels",
            remedy="Save the labels of all splits as texts, or all as numbers.",
        )
    classes, numbers = np.unique(np.concatenate(list(flat.values())), return_inverse=True)
    ends = np.cumsum([len(values) for values in flat.values()])[:-1]
    parts = np.split(numbers.reshape(-1).astype(np.int64), ends)
    return {split: torch.from_numpy(part) for split, part in zip(flat, parts, strict=True)}, tuple(map(str, classes))


def check_form(shape: tuple[int, ...], size: int, name: str, examples: str, count: int) -> None:
    """Check the shape and size of labels, which are known from the header of a file before they are read.

    Args:
        shape: of the array of labels.
        size: size of the array in bytes.
        name: the name of the array and its file, for messages.
        examples: the name of the array of examples and its shape, for messages.
        count: number of examples.

    Raises:
        DataError: there is not one label for each example, or the labels take more than 4 GB.
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
    """Raise an error if labels are not whole numbers: missing, fractions, or too large to be exact."""
    if values.dtype.kind in "bi":
        return
    largest = _EXACT if values.dtype.kind == "f" else np.iinfo(np.int64).max
    remedies = {
        "The label is missing. Leave out the example, or give it a class.": ~np.isfinite(values),
        "Labels are classes. Leave a quantity out, or make it a feature of the examples.": values != np.floor(values),
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
        raise DataError(
            f"expected labels as UTF-8 text, got other bytes in {name}",
            where="labels",
            remedy="Save them as texts, for example with `.astype(str)`.",
        ) from error
