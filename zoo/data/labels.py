"""Converts labels in memory to arrays of whole numbers or texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from zoo.errors import DataError
from zoo.formats.array_rows import Array
from zoo.formats.labels import check_form
from zoo.preparation.raw import tensor_of_numbers


def labels_of(y: Any, count: int, examples: str, name: str = "y") -> Array:
    """Return labels (N,) as whole numbers or texts.

    Args:
        y: labels in any form, one for each example.
        count: number of examples.
        examples: the name of the examples and their shape, for messages.
        name: the name of the labels, for messages.

    Raises:
        DataError: there is not one label for each example, or labels are neither whole numbers nor texts.
    """
    if isinstance(y, Tensor):
        y = tensor_of_numbers(y, where=name).numpy()
    try:
        labels = np.asarray(y)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected one label for each example: {error}", where=name) from error
    if labels.dtype.kind in "OT":  # objects, or NumPy's texts of variable length
        labels = _of_objects(labels.astype(object), name)
    check_form(labels.shape, labels.nbytes, name, examples, count)
    return labels.reshape(-1)


def _of_objects(labels: Array, name: str) -> Array:
    kinds = {type(label) for label in labels.reshape(-1)}
    if kinds and all(issubclass(kind, str) for kind in kinds):
        return labels.astype(str)
    if kinds and all(issubclass(kind, (int, np.integer, bool, np.bool_)) for kind in kinds):
        try:
            return labels.astype(np.int64)
        except OverflowError as error:
            raise DataError(f"expected labels that fit into 64 bits: {error}", where=name) from error
    raise DataError(
        f"expected whole numbers or texts as labels, got {', '.join(sorted(kind.__name__ for kind in kinds))}",
        where=name,
        remedy="Leave out examples without a label, and convert other labels to texts with `.astype(str)`.",
    )
