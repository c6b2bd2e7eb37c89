"""Reads the items of a data set once and keeps them, or reads them on demand if they are too large."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.item_tensors import ItemConverter
from zoo.data.items import Items, input_and_label
from zoo.data.labels import labels_of
from zoo.datasets import Indexable
from zoo.errors import DataError, ZooWarning
from zoo.formats.array_rows import Array
from zoo.spec.data_description import DataDescription
from zoo.utils.finite import is_finite

_AT_ONCE = 256
"""Number of items that are read at once."""
_MANY = 20_000
"""Number of items from which a note says that they are being read."""


@dataclass(frozen=True)
class ReadItems:
    """The items of a data set, with the same attributes as :class:`zoo.data.given.Given`."""

    examples: Tensor | Indexable
    labels: Array | None
    low: float
    high: float
    whole: bool
    class_names: tuple[str, ...] = ()
    channels: int | None = None


class _OnDemand(Indexable):
    """Items that are too large to be kept in memory; they are read on demand, their labels were read before."""

    def __init__(self, items: Items, convert: ItemConverter) -> None:
        self._items, self._convert = items, convert

    def __len__(self) -> int:
        return len(self._items)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, None]:
        values = self._convert(self._items.take(indices)[0])
        _check_finite(values, indices[0] if indices else 0)
        return values, None


def read_items(
    items: Items, *, like: DataDescription | None, limit: int, note: Callable[[str], None] = lambda text: None
) -> ReadItems:
    """Read all items once: their labels and range, and the examples themselves up to a limit.

    Args:
        like: the description of a model's data; items are converted to the form in which those are stored.
        limit: examples of up to this many bytes are kept in memory; otherwise all are read on demand.
        note: called with a sentence about work that takes long.

    Raises:
        DataError: there are no items, or they differ in shape or contain numbers that are not finite.
    """
    if not len(items):
        raise DataError(f"expected items, got an empty {items.kind}", where="x")
    convert = ItemConverter(like)
    _warn_of_random_items(items, convert)
    if len(items) >= _MANY:
        note(f"Reading {len(items):,} items of the {items.kind} …")
    gathered = _ItemBuffer(limit)
    for start in range(0, len(items), _AT_ONCE):
        inputs, labels = items.take(range(start, min(start + _AT_ONCE, len(items))))
        gathered.add(convert(inputs), labels)
    if not gathered.kept:
        note(f"The items take more than {limit // 1_000_000:,} MB, so they are read again in each epoch.")
    return gathered.finish(_OnDemand(items, convert), items.class_names, convert.channels)


def read_once(source: Iterable[Any], label: str | None, *, like: DataDescription | None, limit: int) -> ReadItems:
    """Read an iterable data set once, and keep its items in memory.

    Args:
        label: the name of the labels in its items; None: one of the usual names.
        like: the description of a model's data; items are converted to the form in which those are stored.
        limit: largest size of the examples in bytes.

    Raises:
        DataError: the data set is empty, or larger than the limit.
    """
    convert, gathered = ItemConverter(like), _ItemBuffer(limit)
    for item in source:
        one, number = input_and_label(item, label)
        gathered.add(convert([one]), None if number is None else [number])
        if not gathered.kept:
            raise DataError(
                f"expected at most {limit // 1_000_000:,} MB, since an iterable data set is kept in memory, got more",
                where="x",
                remedy="Use a map-style data set or fewer items, or raise `in_memory_limit_mb`.",
            )
    if not gathered.count:
        raise DataError("expected items, got an empty data set", where="x")
    return gathered.finish(None, (), convert.channels)


class _ItemBuffer:
    """Collects the items that were read, with their labels and range."""

    def __init__(self, limit: int) -> None:
        self._limit, self._bytes, self.count = limit, 0, 0
        self.kept: list[Tensor] | None = []
        self._labels: list[Any] = []
        self._low, self._high, self._whole = math.inf, -math.inf, True

    def add(self, values: Tensor, labels: Any) -> None:
        if not values.numel():
            raise DataError(f"expected items with values, got items of shape {tuple(values.shape[1:])}", where="x")
        _check_finite(values, self.count)
        numbers = values.to(torch.uint8) if values.dtype == torch.bool else values
        low, high = map(float, numbers.aminmax())
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._whole = self._whole and not values.is_floating_point()
        self.count += len(values)
        self._bytes += values.nbytes
        if labels is not None:
            self._labels += labels.tolist() if isinstance(labels, (Tensor, np.ndarray)) else list(labels)
        if self.kept is not None and self._bytes <= self._limit:
            self.kept.append(values)
        else:
            self.kept = None

    def finish(self, otherwise: Indexable | None, class_names: tuple[str, ...], channels: int | None) -> ReadItems:
        examples = torch.cat(self.kept) if self.kept is not None else otherwise
        assert examples is not None
        labels = None
        if self._labels:
            numbers = [each.item() if isinstance(each, Tensor) and each.numel() == 1 else each for each in self._labels]
            labels = labels_of(numbers, self.count, f"the {self.count} items", "the labels of the items")
        return ReadItems(examples, labels, self._low, self._high, self._whole, class_names, channels)


def _check_finite(values: Tensor, first: int) -> None:
    if not is_finite(values):
        row = first + int((~values.isfinite()).flatten(1).any(1).nonzero()[0])
        raise DataError(
            f"expected finite numbers in 32 bits, got NaN or infinity in item {row}",
            where="x",
            remedy="Leave such items out, or fill in the values in the data set.",
        )


def _warn_of_random_items(items: Items, convert: ItemConverter) -> None:
    """Warn if an item changes each time that it is read, because only the first version is used."""
    once, again = (convert(items.take([0])[0]) for _ in range(2))
    if once.shape != again.shape or not torch.equal(once, again):
        warnings.warn(
            "the items change each time that they are read, as with random transforms, but they are read only once. "
            "For random changes in each epoch use `data.augment`",
            ZooWarning,
            stacklevel=2,
        )
