"""Converts arrays, tensors and items in memory to a collection of stored examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor

from zoo.data.given import Given
from zoo.datasets import Collection, Indexable, Stored
from zoo.datasets.memory import Memory
from zoo.errors import DataError
from zoo.formats.labels import Labels, class_numbers
from zoo.spec.column_description import ColumnDescription
from zoo.spec.data_description import DataDescription
from zoo.spec.preparation_description import ReadingDescription

Layout = Literal["channels_first", "channels_last", "no_channels"]
Range = tuple[float, float]


def collect_arrays(
    found: Mapping[str, Given], memory: Memory, like: DataDescription | None, note: Callable[[str], None]
) -> Collection:
    """Return arrays, tensors or items as a collection.

    Args:
        found: the examples of each split.
        memory: the options of the dataset ``memory``.
        like: the description of a model's data, whose form the examples already have; None: the layout, range and
            dtype follow from the options and the values.
        note: called with a sentence about missing values.

    Raises:
        DataError: the splits differ in shape, the layout is ambiguous, or values or labels are not as expected.
    """
    return _new_collection(found, memory, note) if like is None else _collection_like(found, like)


def _new_collection(found: Mapping[str, Given], memory: Memory, note: Callable[[str], None]) -> Collection:
    shapes = {name: given.shape for name, given in found.items()}
    train = found["train"]
    for name, shape in shapes.items():
        if len(shape) != len(shapes["train"]):
            raise DataError(
                f"expected examples of shape {shapes['train']}, as in the training split, got {shape}",
                where=f"x[{name!r}]",
            )
    if any(given.missing for given in found.values()):
        return _rows_with_missing_values(found, note)
    channels_last = _is_channels_last(train, memory.channels_last)
    as_series = memory.series and len(train.shape) <= 2
    bounds, as_bytes = _range(list(found.values()), memory.value_range, is_image=len(train.shape) > 1 and not as_series)
    dtype = torch.uint8 if as_bytes else torch.float32
    to_stored = _ToStored(dtype, channels_last=channels_last, as_series=as_series)
    examples = {
        name: to_stored(given.examples)
        if isinstance(given.examples, Tensor)
        else _StoredOnDemand(given.examples, to_stored)
        for name, given in found.items()
    }
    labels, class_names = _class_numbers(found)
    return Collection(
        splits={name: Stored(examples[name], labels.get(name)) for name in found},
        stored_range=bounds,
        class_names=class_names,
        layout=_layout(train, channels_last=channels_last, as_series=as_series),
        reading=ReadingDescription.model_validate({"channels": train.channels}) if train.channels else None,
    )


def _rows_with_missing_values(found: Mapping[str, Given], note: Callable[[str], None]) -> Collection:
    """Return rows of numbers with missing values as a table with columns x0, x1, …, which keeps them as missing."""
    values = {name: cast(Tensor, given.examples).double() for name, given in found.items()}
    for name, rows in values.items():
        gaps = int(rows.isnan().any(1).sum())
        where = "" if len(values) == 1 else f" of {name}"
        note(f"Missing values (NaN) are kept as missing: in {gaps:,} of {len(rows):,} rows{where}.")
    labels, class_names = _class_numbers(found)
    width = values["train"].shape[1]
    return Collection(
        splits={name: Stored(rows, labels.get(name)) for name, rows in values.items()},
        stored_range=None,
        class_names=class_names,
        columns=tuple(ColumnDescription(name=f"x{number}") for number in range(width)),
    )


def _collection_like(found: Mapping[str, Given], like: DataDescription) -> Collection:
    assert like.stored is not None
    labels, class_names = _class_numbers(found)
    held = {name: given.examples for name, given in found.items()}
    return Collection(
        # Copies, so that later changes of the caller's array do not change the data.
        splits={
            name: Stored(each.clone() if isinstance(each, Tensor) else each, labels.get(name))
            for name, each in held.items()
        },
        stored_range=like.stored.range,
        class_names=class_names,
        columns=like.columns,
        layout=like.stored.layout,
        reading=like.reading,
    )


def _is_channels_last(given: Given, stated: bool | None) -> bool:
    if given.channels is not None:
        return False
    shape = given.shape
    if stated and len(shape) != 3:
        raise DataError(f"expected images (N, H, W, C), got examples of shape {shape}", where="channels_last")
    if stated is None and len(shape) == 3 and shape[0] > 4 >= shape[2]:
        raise DataError(
            f"expected images (N, C, H, W), got examples of shape {shape}, which look like (H, W, C)",
            where="x",
            remedy=f"State it: `channels_last=True` with {shape[2]} channels, `False` with {shape[0]} (in a recipe "
            "`data.channels_last`); or permute the axes.",
        )
    return bool(stated)


def _range(found: Sequence[Given], stated: Range | None, *, is_image: bool) -> tuple[Range | None, bool]:
    """Return the range of values (None if there is no limit), and whether they are stored as bytes."""
    low, high = min(given.low for given in found), max(given.high for given in found)
    dtypes = {_dtype(given) for given in found}
    whole = all(given.whole for given in found)
    as_bytes = whole and low >= 0 and high <= 255
    if stated is not None:
        if low < stated[0] or high > stated[1]:
            raise DataError(
                f"expected values from {stated[0]:g} to {stated[1]:g}, got {low:g} to {high:g}",
                where="value_range",
                remedy="Set a wider range.",
            )
        return stated, as_bytes
    if dtypes == {torch.bool}:
        return (0.0, 1.0), True
    if dtypes == {torch.uint8}:
        return (0.0, 255.0), True
    if is_image and as_bytes:
        return (0.0, 1.0 if high <= 1 else 255.0), True
    if is_image and not whole and low >= 0 and high <= 1:
        return (0.0, 1.0), False
    return None, False


def _dtype(given: Given) -> torch.dtype:
    examples = given.examples
    return (examples if isinstance(examples, Tensor) else examples.read([0])[0]).dtype


class _ToStored:
    """Converts values to the dtype and layout in which they are stored."""

    def __init__(self, dtype: torch.dtype, *, channels_last: bool, as_series: bool = False) -> None:
        self._dtype, self._channels_last, self._as_series = dtype, channels_last, as_series

    def __call__(self, values: Tensor) -> Tensor:
        # A copy, so that later changes of the caller's array do not change the data.
        values = values.to(self._dtype, copy=True)
        if values.ndim == 4 and self._channels_last:
            return values.permute(0, 3, 1, 2).contiguous()
        return (values.unsqueeze(1) if values.ndim == (2 if self._as_series else 3) else values).contiguous()


class _StoredOnDemand(Indexable):
    """Items that are read on demand, and converted in the same way as those in memory."""

    def __init__(self, items: Indexable, to_stored: _ToStored) -> None:
        self._items, self._to_stored = items, to_stored

    def __len__(self) -> int:
        return len(self._items)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return the examples at ``indices``, and None, since the split has the labels."""
        values, labels = self._items.read(indices)
        return self._to_stored(values), labels


def _layout(given: Given, *, channels_last: bool, as_series: bool) -> Layout:
    if given.channels is not None:
        return "no_channels" if given.channels == 1 else "channels_last"
    if len(given.shape) == (1 if as_series else 2):
        return "no_channels"
    return "channels_last" if channels_last else "channels_first"


def _class_numbers(found: Mapping[str, Given]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the class numbers of each split, and the names of the classes."""
    labelled = [name for name, given in found.items() if given.labels is not None]
    if labelled and len(labelled) < len(found):
        without = next(name for name in found if name not in labelled)
        raise DataError(
            f"expected labels for all splits or for none, got some for {labelled[0]!r} and none for {without!r}",
            where="y",
        )
    if not labelled:
        return {}, ()
    names = found["train"].class_names
    labels = {name: cast(Any, given.labels) for name, given in found.items()}
    if names and all(values.dtype.kind in "iu" for values in labels.values()):
        wrong = [name for name, v in labels.items() if not 0 <= int(v.min()) <= int(v.max()) < len(names)]
        if wrong:
            raise DataError(
                f"expected labels from 0 to {len(names) - 1}, the {len(names)} classes of the data set, got "
                f"{int(labels[wrong[0]].min())} to {int(labels[wrong[0]].max())} in the {wrong[0]} split",
                where="y",
                remedy="Leave out examples without a label, which usually have the label -1.",
            )
        return {name: torch.from_numpy(values.astype("int64")) for name, values in labels.items()}, names
    where = {name: "y" if len(found) == 1 else f"y[{name!r}]" for name in found}
    return class_numbers({name: Labels(values, where[name]) for name, values in labels.items()})
