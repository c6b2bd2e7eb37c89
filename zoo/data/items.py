"""The items of data sets of torch and Hugging Face, read once and kept, or read on demand where they are too large."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.labels import labels_of
from zoo.datasets import ImageFormat, Indexable
from zoo.errors import DataError, ZooWarning, unknown_name
from zoo.formats.array_rows import Array
from zoo.preparation.images import is_pil_image
from zoo.preparation.raw import stored_examples, tensor_of_numbers
from zoo.spec.data_description import DataDescription

_AT_ONCE = 256
_MANY = 20_000
_LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class")
"""Usual names of the labels among the columns of an item, in the order in which they are looked for."""


@dataclass(frozen=True)
class ReadItems:
    """The items of a data set; the attributes are those of :class:`zoo.data.given.Given`."""

    examples: Tensor | Indexable
    labels: Array | None
    low: float
    high: float
    whole: bool
    class_names: tuple[str, ...] = ()
    channels: int | None = None


class Items(ABC):
    """A map-style data set.

    Attributes:
        kind: what it is, for messages.
        class_names: what its labels number, where it says so.
    """

    class_names: tuple[str, ...] = ()

    def __init__(self, source: Any, kind: str) -> None:
        self.source, self.kind = source, kind
        self._chosen: Sequence[int] | None = None

    def choose(self, indices: Sequence[int] | None) -> None:
        """Keep only the items of these numbers."""
        self._chosen = indices

    def __len__(self) -> int:
        return len(self.source) if self._chosen is None else len(self._chosen)

    def take(self, indices: Sequence[int]) -> tuple[Any, Any]:
        """Return the inputs at ``indices``, a list or a batch, and their labels or None."""
        try:
            return self._take(indices if self._chosen is None else [self._chosen[index] for index in indices])
        except (IndexError, KeyError) as error:
            raise DataError(f"item {indices[0]} of the {self.kind} cannot be read: {error!r}", where="x") from error

    @abstractmethod
    def _take(self, indices: Sequence[int]) -> tuple[Any, Any]: ...


class ItemsOfDataset(Items):
    """The items of a data set of torch: an input, a pair of input and label, or a mapping of names to both."""

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
    """The rows of a data set of Hugging Face, or of one that behaves like it."""

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
    """Return the input and the label of an item, or of a batch of them; None without a label.

    Raises:
        DataError: the item is neither an input, nor a pair, nor a mapping.

    Example:
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
                remedy="Choose two of them in the data set's `__getitem__`.",
            )
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def _usual_label(names: Sequence[Any]) -> str | None:
    return next((name for name in _LABEL_NAMES if name in names), None)


def _one_input(inputs: Mapping[str, Any]) -> Any:
    """Return the only input of an item, or its several numbers as one vector."""
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    try:
        columns = [np.asarray(values) for values in inputs.values()]
    except (TypeError, ValueError):
        columns = []
    # Single numbers, or in a batch one number for each row.
    if columns and all(column.dtype.kind in "buif" and column.ndim < 2 for column in columns):
        return np.stack(columns, -1)
    names = ", ".join(map(repr, inputs)) or "none"
    raise DataError(
        f"expected one input, or columns of single numbers, got the columns {names}",
        where="x",
        remedy="Keep one of them, and name the labels: `y=COLUMN`. A data set of Hugging Face has `select_columns`; "
        "one of mixed columns is passed as a DataFrame, `data.to_pandas()`.",
    )


class _Converter:
    """Turns inputs into one tensor, all alike.

    Args:
        like: what a model knows of its data: inputs are brought to the form in which they were stored there.
    """

    def __init__(self, like: DataDescription | None) -> None:
        self._like = like
        self.shape: tuple[int, ...] | None = None
        self.channels: int | None = None

    def __call__(self, inputs: Any) -> Tensor:
        if self._like is not None:
            whole = torch.stack(list(inputs)) if _are_tensors(inputs) else inputs
            return stored_examples(list(whole) if _are_images(whole) else whole, self._like)
        values = self._tensor(inputs)
        if self.shape is None:
            self.shape = tuple(values.shape[1:])
        if tuple(values.shape[1:]) != self.shape:
            raise _differing(self.shape, tuple(values.shape[1:]))
        if values.ndim not in (2, 3, 4):
            raise DataError(
                f"expected items (D,), (H, W) or (C, H, W), got {tuple(values.shape[1:])}",
                where="x",
                remedy="A single feature is (1,).",
            )
        return values

    def _tensor(self, inputs: Any) -> Tensor:
        if isinstance(inputs, Tensor):
            values = inputs.detach().cpu()
        elif _are_images(inputs):
            return self._images(inputs)
        elif _are_tensors(inputs):
            shapes = {tuple(each.shape) for each in inputs}
            if len(shapes) > 1:
                raise _differing(*sorted(shapes)[:2])
            values = torch.stack([each.detach().cpu() for each in inputs])
        else:
            values = tensor_of_numbers(inputs)
        if values.is_complex():
            raise DataError(f"expected real numbers, got {values.dtype}", where="x")
        if values.is_floating_point():
            return values.float()
        return values if values.dtype in (torch.uint8, torch.bool) else values.to(torch.int64)

    def _images(self, pictures: Sequence[Any]) -> Tensor:
        if self.channels is None:
            self.channels = 1 if pictures[0].mode in ("1", "L", "LA", "I", "I;16", "F") else 3
        form = ImageFormat(channels=self.channels)
        read = [form.read(picture) for picture in pictures]
        shapes = {tuple(each.shape) for each in read}
        if len(shapes) > 1:
            raise _differing(*sorted(shapes)[:2])
        return torch.stack(read)


def _are_tensors(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and bool(inputs) and all(isinstance(each, Tensor) for each in inputs)


def _are_images(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and bool(inputs) and all(map(is_pil_image, inputs))


def _differing(one: tuple[int, ...], other: tuple[int, ...]) -> DataError:
    return DataError(
        f"expected items of one shape, got {one} and {other}",
        where="x",
        remedy="Bring them to one shape in the data set, for example with a transform that resizes.",
    )


class _OnDemand(Indexable):
    """Items that are too large to be kept: each is read when it is needed; their labels are known."""

    def __init__(self, items: Items, convert: _Converter) -> None:
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
    """Read all items once: their labels and bounds, and the examples themselves up to a limit of bytes.

    Raises:
        DataError: there are none, or they differ in shape or hold no finite numbers.
    """
    if not len(items):
        raise DataError(f"the {items.kind} is empty", where="x")
    convert = _Converter(like)
    _warn_of_chance(items, convert)
    if len(items) >= _MANY:
        note(f"Reading {len(items):,} items of the {items.kind} …")
    gathered = _Gathered(limit)
    for start in range(0, len(items), _AT_ONCE):
        inputs, labels = items.take(range(start, min(start + _AT_ONCE, len(items))))
        gathered.add(convert(inputs), labels)
    if not gathered.kept:
        note(f"The items take more than {limit // 1_000_000:,} MB, and are read again each time.")
    return gathered.finish(_OnDemand(items, convert), items.class_names, convert.channels)


def read_once(source: Iterable[Any], label: str | None, *, like: DataDescription | None, limit: int) -> ReadItems:
    """Read what can only be iterated over, and keep it.

    Raises:
        DataError: it holds more bytes than the limit, or nothing.
    """
    convert, gathered = _Converter(like), _Gathered(limit)
    for item in source:
        one, number = input_and_label(item, label)
        gathered.add(convert([one]), None if number is None else [number])
        if not gathered.kept:
            raise DataError(
                f"expected at most {limit // 1_000_000:,} MB, since items without numbers are kept in memory, got more",
                where="x",
                remedy="Use a data set with items by number, take fewer, or raise `in_memory_limit_mb`.",
            )
    if not gathered.count:
        raise DataError("the data set is empty", where="x")
    return gathered.finish(None, (), convert.channels)


class _Gathered:
    """What was read so far."""

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
    if values.is_floating_point() and not bool(values.isfinite().all()):
        row = first + int((~values.isfinite()).flatten(1).any(1).nonzero()[0])
        raise DataError(
            f"expected finite numbers in 32 bits, got NaN or infinity in item {row}",
            where="x",
            remedy="Leave such items out, or fill in the values before.",
        )


def _warn_of_chance(items: Items, convert: _Converter) -> None:
    """Warn if an item changes each time that it is read, because it is kept as it was first read."""
    once, again = (convert(items.take([0])[0]) for _ in range(2))
    if once.shape != again.shape or not torch.equal(once, again):
        warnings.warn(
            "the items change each time that they are read, as with random transforms: they are read once and kept as "
            "they were. For random changes in each epoch use `data.augment`",
            ZooWarning,
            stacklevel=2,
        )
