"""Checks the collection that a dataset returns, because a mistake in it would be hard to find during training."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.datasets import SPLITS, Collection, Stored
from zoo.errors import DataError


def check_collection(collection: Collection) -> tuple[int, ...]:
    """Check a collection, and return the shape of one example, which is the same in all splits.

    Raises:
        DataError: a split is unknown, missing or empty, has another shape than the training split, or its labels are
            not valid.
    """
    unknown = sorted(set(collection.splits) - set(SPLITS))
    if unknown or "train" not in collection.splits:
        raise DataError(
            f"expected the split `train`, and optionally `validation` and `test`, got {list(collection.splits)}",
            where="data",
        )
    shapes = {name: _example_shape(name, stored) for name, stored in collection.splits.items()}
    for name, stored in collection.splits.items():
        if shapes[name] != shapes["train"]:
            raise DataError(
                f"expected examples of shape {shapes['train']} in the {name} split, as in train, got {shapes[name]}",
                where="data",
            )
        _check_labels(name, stored, len(collection.class_names))
    repeated = sorted({each for each in collection.class_names if collection.class_names.count(each) > 1})
    if repeated:
        raise DataError(f"expected classes with different names, got {repeated[0]!r} twice", where="data")
    return shapes["train"]


def other_shape(expected: tuple[int, ...], found: tuple[int, ...], remedy: str) -> DataError:
    """Return the error for examples of another shape than the model's."""
    return DataError(
        f"expected examples of shape {expected}, as in the model, got {found}", where="data", remedy=remedy
    )


def _example_shape(name: str, stored: Stored) -> tuple[int, ...]:
    if len(stored) == 0:
        raise DataError(
            f"expected examples in the {name} split, got none", where="data", remedy="Check the path of the data."
        )
    first = stored.examples[0] if isinstance(stored.examples, Tensor) else stored.examples.read([0])[0][0]
    if first.ndim == 0:
        raise DataError(
            f"expected vectors (N, features) or images (N, C, H, W), got single numbers (N,) in the {name} split",
            where="data",
        )
    return tuple(first.shape)


def _check_labels(name: str, stored: Stored, classes: int) -> None:
    labels = stored.labels
    if labels is None:
        return
    if labels.dtype != torch.int64 or labels.shape != (len(stored),):
        raise DataError(
            f"expected labels of type int64 and shape ({len(stored)},) in the {name} split, "
            f"got {labels.dtype} of shape {tuple(labels.shape)}",
            where="data",
        )
    if int(labels.min()) < 0 or (classes and int(labels.max()) >= classes):
        raise DataError(
            f"expected labels from 0{f' to {classes - 1}' if classes else ''} in the {name} split, "
            f"got {int(labels.min())} to {int(labels.max())}",
            where="data",
        )
