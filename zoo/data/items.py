"""The items of data sets of torch and Hugging Face, as inputs and labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError, unknown_name

_LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class")
"""Usual names of the column of labels, in the order of precedence."""


class Items(ABC):
    """The items of a map-style data set.

    Attributes:
        source: the data set.
        kind: a name for the type of the data set, for messages.
        class_names: names of the classes that the labels number, if the data set has them.
    """

    class_names: tuple[str, ...] = ()

    def __init__(self, source: Any, kind: str) -> None:
        self.source, self.kind = source, kind
        self._chosen: Sequence[int] | None = None

    def choose(self, indices: Sequence[int] | None) -> None:
        """Use only the items at ``indices``; None: all."""
        self._chosen = indices

    def __len__(self) -> int:
        return len(self.source) if self._chosen is None else len(self._chosen)

    def take(self, indices: Sequence[int]) -> tuple[Any, Any]:
        """Return the inputs at ``indices``, as a list or a batch, and their labels or None.

        Raises:
            DataError: the data set raises an error for these indices.
        """
        try:
            return self._take(indices if self._chosen is None else [self._chosen[index] for index in indices])
        except (IndexError, KeyError) as error:
            raise DataError(f"item {indices[0]} of the {self.kind} cannot be read: {error!r}", where="x") from error

    @abstractmethod
    def _take(self, indices: Sequence[int]) -> tuple[Any, Any]: ...


class ItemsOfDataset(Items):
    """The items of a torch data set: inputs, pairs (input, label), or mappings with both."""

    def __init__(self, source: Any, label: str | None, kind: str) -> None:
        super().__init__(source, kind)
        self._label = label

    def _take(self, indices: Sequence[int]) -> tuple[Any, Any]:
        pairs = [input_and_label(self.source[index], self._label) for index in indices]
        inputs = [pair[0] for pair in pairs]
        labels = [pair[1] for pair in pairs]
        return inputs, None if all(label is None for label in labels) else labels


class ItemsOfBatches(Items):
    """The items of a DataLoader with a custom ``collate_fn``."""

    def __init__(self, source: Any, collate: Callable[[list[Any]], Any], label: str | None, kind: str) -> None:
        super().__init__(source, kind)
        self._collate, self._label = collate, label

    def _take(self, indices: Sequence[int]) -> tuple[Any, Any]:
        batch = self._collate([self.source[index] for index in indices])
        return input_and_label(tuple(batch) if isinstance(batch, list) else batch, self._label)


class ItemsOfColumns(Items):
    """The rows of a data set of Hugging Face, or of an object with the same interface."""

    def __init__(self, source: Any, label: str | None) -> None:
        super().__init__(source, f"Hugging Face {type(source).__name__}")
        names = list(source.column_names)
        features = dict(source.features or {})
        classes = [name for name in names if isinstance(getattr(features.get(name), "names", None), list)]
        if label is not None and label not in names:
            problem, remedy = unknown_name("column", label, names)
            raise DataError(problem, where="y", remedy=remedy)
        self._label = label or (classes[0] if len(classes) == 1 else _usual_label(names))
        if self._label in classes:
            self.class_names = tuple(map(str, features[self._label].names))

    def _take(self, indices: Sequence[int]) -> tuple[Any, Any]:
        rows = self.source[list(indices)]
        inputs = {name: values for name, values in rows.items() if name != self._label}
        return _one_input(inputs), rows[self._label] if self._label is not None else None


def input_and_label(item: Any, label: str | None = None) -> tuple[Any, Any]:
    """Return the input and the label of an item or a batch; the label is None if there is none.

    Args:
        item: an input, a pair (input, label), or a mapping with both.
        label: the name of the label in a mapping; None: one of the usual names.

    Raises:
        DataError: a tuple has more than two values, or a mapping lacks this label, or has several
            inputs that are not numbers.

    Example:
        >>> import torch
        >>> input_and_label((torch.zeros(2), 3))[1], input_and_label({"x": [1.0, 2.0], "label": 3})
        (3, ([1.0, 2.0], 3))
    """
    if isinstance(item, Mapping):
        names = list(item)
        if label is not None and label not in names:
            problem, remedy = unknown_name("column", label, names)
            raise DataError(problem, where="y", remedy=remedy)
        chosen = label or _usual_label(names)
        return _one_input({name: value for name, value in item.items() if name != chosen}), item.get(chosen)
    if isinstance(item, tuple):
        if len(item) not in (1, 2):
            raise DataError(
                f"expected items (input,) or (input, label), got {len(item)} values",
                where="x",
                remedy="Return only two of them from the data set's `__getitem__`.",
            )
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def _usual_label(names: Sequence[Any]) -> str | None:
    return next((name for name in _LABEL_NAMES if name in names), None)


def _one_input(inputs: Mapping[str, Any]) -> Any:
    """Return the only input of an item, or several numbers as one vector."""
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    try:
        columns = [np.asarray(values) for values in inputs.values()]
    except (TypeError, ValueError):
        columns = []
    # Each column has a single number or, in a batch, one number for each row.
    if columns and all(column.dtype.kind in "buif" and column.ndim < 2 for column in columns):
        return np.stack(columns, -1)
    names = ", ".join(map(repr, inputs)) or "none"
    raise DataError(
        f"expected one input, or columns of single numbers, got the columns {names}",
        where="x",
        remedy="Select one of them (`select_columns` in a data set of Hugging Face), and name the labels: `y=COLUMN`. "
        "Pass columns of different types as a DataFrame: `data.to_pandas()`.",
    )
