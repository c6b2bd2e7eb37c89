"""Converts data in memory, in any accepted form, to a collection as a data set returns it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor

from zoo.data.given import Given, read_given
from zoo.data.given_frames import collect_frames
from zoo.datasets import Collection, Indexable, Stored
from zoo.datasets.memory import Memory
from zoo.errors import DataError
from zoo.formats.labels import Labels, class_numbers
from zoo.formats.names import split_named
from zoo.registry import find_component
from zoo.spec import DataSpec
from zoo.spec.data_description import ColumnDescription, DataDescription, ReadingDescription
from zoo.spec.options import check_options, construct, option_schema
from zoo.tables.frames import is_frame

NAME = "memory"
_HASHED_EXAMPLES, _HASHED_AT_ONCE = 4096, 256
Layout = Literal["channels_first", "channels_last", "no_channels"]
Range = tuple[float, float]


def is_in_memory(data: Any) -> bool:
    """Whether the data themselves are given, rather than the name or the spec of a dataset.

    Example:
        >>> is_in_memory(torch.zeros(3, 2)), is_in_memory("digits"), is_in_memory({"name": "digits"})
        (True, False, False)
    """
    if isinstance(data, (str, DataSpec)):
        return False
    return not isinstance(data, Mapping) or (bool(data) and _splits_of(data) is not None)


def collect_given(
    data: Any,
    spec: DataSpec,
    y: Any = None,
    *,
    like: DataDescription | None = None,
    note: Callable[[str], None],
) -> tuple[Collection, DataSpec]:
    """Return data in memory as a data set stores them, and the spec that records what they were.

    Args:
        data: examples in any form, or a mapping of the splits' names to them.
        spec: of the dataset ``memory``; where it does not state the scale, the data decide.
        y: labels; for a mapping of splits, likewise a mapping, or the name of a column.
        like: what a model knows of its data: these are brought to the form in which they were stored.

    Raises:
        DataError: the form is unknown, or values or labels are not what is expected; the message names the split.
    """
    if isinstance(data, tuple) and len(data) == 2 and y is None:
        data, y = data
    options = check_options(find_component("dataset", NAME), spec.options, "data", also_valid=DataSpec.model_fields)
    memory: Memory = construct(Memory, options, {}, "data")
    named = _splits_of(data) if isinstance(data, Mapping) else None
    splits = {"train": data} if named is None else {name: data[key] for name, key in named.items()}
    if "train" not in splits:
        raise DataError(f"expected the split 'train' among the data, got {', '.join(map(repr, splits))}", where="data")
    if any(map(is_frame, splits.values())):
        collection, label = collect_frames(splits, labels_of_splits(y, splits, named), memory.of_table, like, note)
        kind = f"{type(splits['train']).__module__.partition('.')[0]} DataFrame"
        options |= {"label": label}
    else:
        found = {
            name: read_given(
                each,
                labels_of_splits(y, splits, named)[name],
                name="x" if named is None else f"x[{name!r}]",
                like=like,
                limit=memory.in_memory_limit,
                note=note,
            )
            for name, each in splits.items()
        }
        kind = found["train"].kind
        collection = _collection(found, memory, note) if like is None else _collection_like(found, like)
    stored = collection.splits["train"].examples
    shape = stored.shape if isinstance(stored, Tensor) else (len(stored), *stored.read([0])[0].shape[1:])
    facts = {"kind": kind, "shape": list(shape), "digest": _digest(collection)}
    scale = {} if spec.scale is not None or like is not None else {"scale": _scale(collection, note)}
    kept = {**spec.model_dump(exclude_unset=True), **options, **scale, **facts, "name": NAME}
    return collection, DataSpec.model_validate(kept)


def as_memory(document: Any) -> dict[str, Any]:
    """Return the ``data`` of a recipe for data that are given in memory: what its own dataset asks for is left out.

    Example:
        >>> as_memory({"name": "mnist", "root": "data", "binarise": "dynamic"})
        {'name': 'memory', 'binarise': 'dynamic'}
    """
    fields: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    known = {*DataSpec.model_fields, *option_schema(Memory).model_fields}
    same = fields.get("name") == NAME  # whose unknown options are to be refused
    return {**{name: value for name, value in fields.items() if same or name in known}, "name": NAME}


def _splits_of(data: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Return the key of each split, or None if a key names none."""
    named = {split_named(str(key)): key for key in data}
    return None if None in named or len(named) < len(data) else {str(name): key for name, key in named.items()}


def labels_of_splits(y: Any, splits: Mapping[str, Any], named: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what was given as the labels of each split.

    Raises:
        DataError: a split has none, though others have.
    """
    if named is None or y is None or isinstance(y, str):
        return dict.fromkeys(splits, y)
    labels = {split_named(str(key)): value for key, value in y.items()} if isinstance(y, Mapping) else {}
    without = [name for name in splits if name not in labels]
    if without:
        raise DataError(
            f"expected labels for each split, got none for {without[0]!r}",
            where="y",
            remedy="Pass a mapping with the names of the splits, the name of a column, or no labels.",
        )
    return {name: labels[name] for name in splits}


def _collection(found: Mapping[str, Given], memory: Memory, note: Callable[[str], None]) -> Collection:
    """Return the collection that models are trained on: the values decide on their range and type."""
    shapes = {name: given.shape for name, given in found.items()}
    train = found["train"]
    for name, shape in shapes.items():
        if len(shape) != len(shapes["train"]):
            raise DataError(
                f"expected examples of shape {shapes['train']}, as in train, got {shape}", where=f"x[{name!r}]"
            )
    if any(given.missing for given in found.values()):
        return _rows_with_gaps(found, note)
    channels_last = _is_channels_last(train, memory.channels_last)
    as_series = memory.series and len(train.shape) <= 2
    bounds, as_bytes = _range(list(found.values()), memory.value_range, is_image=len(train.shape) > 1 and not as_series)
    dtype = torch.uint8 if as_bytes else torch.float32
    arrange = _Arrange(dtype, channels_last=channels_last, as_series=as_series)
    examples = {
        name: arrange(given.examples) if isinstance(given.examples, Tensor) else _Arranged(given.examples, arrange)
        for name, given in found.items()
    }
    labels, class_names = _numbered(found)
    return Collection(
        splits={name: Stored(examples[name], labels.get(name)) for name in found},
        stored_range=bounds,
        class_names=class_names,
        layout=_layout(train, channels_last=channels_last, as_series=as_series),
        reading=ReadingDescription.model_validate({"channels": train.channels}) if train.channels else None,
    )


def _rows_with_gaps(found: Mapping[str, Given], note: Callable[[str], None]) -> Collection:
    """Return rows of numbers with missing values as a table of unnamed columns, where they are kept as missing."""
    values = {name: cast(Tensor, given.examples).double() for name, given in found.items()}
    for name, rows in values.items():
        gaps = int(rows.isnan().any(1).sum())
        where = "" if len(values) == 1 else f" of {name}"
        note(f"Missing values (NaN) are kept as missing: in {gaps:,} of {len(rows):,} rows{where}.")
    labels, class_names = _numbered(found)
    width = values["train"].shape[1]
    return Collection(
        splits={name: Stored(rows, labels.get(name)) for name, rows in values.items()},
        stored_range=None,
        class_names=class_names,
        columns=tuple(ColumnDescription(name=f"x{number}") for number in range(width)),
    )


def _collection_like(found: Mapping[str, Given], like: DataDescription) -> Collection:
    assert like.stored is not None
    labels, class_names = _numbered(found)
    held = {name: given.examples for name, given in found.items()}
    return Collection(
        # Copies: what a caller does to an array afterwards does not change the data.
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
            f"expected images (N, C, H, W), got examples of shape {shape}: {shape[2]} channels last, or {shape[0]} "
            "channels first?",
            where="x",
            remedy="State it, `channels_last=True` or `False` (in a recipe `data.channels_last`), or turn the axes.",
        )
    return bool(stated)


def _range(found: Sequence[Given], stated: Range | None, *, is_image: bool) -> tuple[Range | None, bool]:
    """Return the range of values, None if there is none, and whether they are kept as bytes."""
    low, high = min(given.low for given in found), max(given.high for given in found)
    dtypes = {_dtype(given) for given in found}
    whole = all(given.whole for given in found)
    as_bytes = whole and low >= 0 and high <= 255
    if stated is not None:
        if low < stated[0] or high > stated[1]:
            raise DataError(
                f"expected values from {stated[0]:g} to {stated[1]:g}, got {low:g} to {high:g}",
                where="value_range",
                remedy="Widen the range.",
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


def _scale(collection: Collection, note: Callable[[str], None]) -> str:
    """Return the scale that is used where none is stated."""
    if collection.stored_range is not None:
        return "unit"
    if not collection.columns:
        note(
            "The values have no known range: each is standardised to mean 0 and deviation 1 over the training examples "
            "(`data.scale` and `data.value_range` change that)."
        )
    return "standardise"


class _Arrange:
    """Brings values to the type and the layout in which they are stored."""

    def __init__(self, dtype: torch.dtype, *, channels_last: bool, as_series: bool = False) -> None:
        self._dtype, self._channels_last, self._as_series = dtype, channels_last, as_series

    def __call__(self, values: Tensor) -> Tensor:
        # A copy, so that what a caller does to the array afterwards does not change the data.
        values = values.to(self._dtype, copy=True)
        if values.ndim == 4 and self._channels_last:
            return values.permute(0, 3, 1, 2).contiguous()
        return (values.unsqueeze(1) if values.ndim == (2 if self._as_series else 3) else values).contiguous()


class _Arranged(Indexable):
    """Items that are read on demand, arranged as those that are held."""

    def __init__(self, items: Indexable, arrange: _Arrange) -> None:
        self._items, self._arrange = items, arrange

    def __len__(self) -> int:
        return len(self._items)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return the examples at ``indices``; labels are known beforehand."""
        values, labels = self._items.read(indices)
        return self._arrange(values), labels


def _layout(given: Given, *, channels_last: bool, as_series: bool) -> Layout:
    if given.channels is not None:
        return "no_channels" if given.channels == 1 else "channels_last"
    if len(given.shape) == (1 if as_series else 2):
        return "no_channels"
    return "channels_last" if channels_last else "channels_first"


def _numbered(found: Mapping[str, Given]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the class numbers of each split, and the names of the classes."""
    labelled = [name for name, given in found.items() if given.labels is not None]
    if labelled and len(labelled) < len(found):
        without = next(name for name in found if name not in labelled)
        raise DataError(
            f"expected labels for each split or for none, got some for {labelled[0]!r} and none for {without!r}",
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
                remedy="Leave out examples without a label; -1 stands for those.",
            )
        return {name: torch.from_numpy(values.astype("int64")) for name, values in labels.items()}, names
    where = {name: "y" if len(found) == 1 else f"y[{name!r}]" for name in found}
    return class_numbers({name: Labels(values, where[name]) for name, values in labels.items()})


def _digest(collection: Collection) -> str:
    """Return 32 hexadecimal digits that identify values and labels; of items that are read on demand, some stand for
    all."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(collection.splits):
        stored = collection.splits[name]
        digest.update(f"{name} {len(stored)} {collection.class_names}".encode())
        if isinstance(stored.examples, Tensor):
            digest.update(f"{tuple(stored.examples.shape)} {stored.examples.dtype}".encode())
            digest.update(stored.examples.contiguous().numpy().data)
        else:
            count = min(len(stored), _HASHED_EXAMPLES)
            places = (torch.arange(count) * len(stored) // count).split(_HASHED_AT_ONCE)
            for part in places:
                digest.update(stored.examples.read(part.tolist())[0].contiguous().numpy().data)
        if stored.labels is not None:
            digest.update(stored.labels.numpy().data)
    return digest.hexdigest()
