"""Converts data in memory, in any accepted form, to a collection like that of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.data.given import read_given
from zoo.data.given_arrays import collect_arrays
from zoo.data.given_frames import collect_frames
from zoo.datasets import Collection
from zoo.datasets.memory import Memory
from zoo.errors import DataError
from zoo.formats.names import split_named
from zoo.registry import find_component
from zoo.spec import DataSpec
from zoo.spec.data_description import DataDescription
from zoo.spec.options import check_options, construct, option_schema
from zoo.tables.frames import is_frame

NAME = "memory"
_HASHED_EXAMPLES, _HASHED_AT_ONCE = 4096, 256
Layout = Literal["channels_first", "channels_last", "no_channels"]
Range = tuple[float, float]


def is_in_memory(data: Any) -> bool:
    """Return whether a value is data, and not the name or spec of a dataset.

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
    """Return data in memory as a collection, and the spec that describes them in a recipe.

    Args:
        data: examples in any form, or a mapping with examples for each split.
        spec: a spec of the dataset ``memory``; if it does not state the scale, the scale depends on the data.
        y: labels, or the name of the label column; for a mapping of splits, labels for each of them.
        like: the description of a model's data; the data are converted to the form in which those are stored.
        note: called with a sentence about work that takes long, and about choices that depend on the data.

    Raises:
        DataError: the type of the data is not known, or values or labels are not as expected; the message names the
            split.
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
        collection, label = collect_frames(splits, labels_of_splits(y, splits, named), memory.table_options, like, note)
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
        collection = collect_arrays(found, memory, like, note)
    stored = collection.splits["train"].examples
    shape = stored.shape if isinstance(stored, Tensor) else (len(stored), *stored.read([0])[0].shape[1:])
    facts = {"kind": kind, "shape": list(shape), "digest": _digest(collection)}
    scale = {} if spec.scale is not None or like is not None else {"scale": _scale(collection, note)}
    kept = {**spec.model_dump(exclude_unset=True), **options, **scale, **facts, "name": NAME}
    return collection, DataSpec.model_validate(kept)


def as_memory(document: Any) -> dict[str, Any]:
    """Return the ``data`` of a recipe for data in memory; options of the dataset that the recipe names are left out.

    Example:
        >>> as_memory({"name": "mnist", "root": "data", "binarise": "dynamic"})
        {'name': 'memory', 'binarise': 'dynamic'}
    """
    fields: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    known = {*DataSpec.model_fields, *option_schema(Memory).model_fields}
    same = fields.get("name") == NAME  # unknown options stay, and are refused when the recipe is checked
    return {**{name: value for name, value in fields.items() if same or name in known}, "name": NAME}


def _splits_of(data: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Return the key of each split in a mapping; None if a key is not the name of a split."""
    named = {split_named(str(key)): key for key in data}
    return None if None in named or len(named) < len(data) else {str(name): key for name, key in named.items()}


def labels_of_splits(y: Any, splits: Mapping[str, Any], named: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the labels that were passed for each split.

    Raises:
        DataError: labels were passed for some splits, but not for all.
    """
    if named is None or y is None or isinstance(y, str):
        return dict.fromkeys(splits, y)
    labels = {split_named(str(key)): value for key, value in y.items()} if isinstance(y, Mapping) else {}
    without = [name for name in splits if name not in labels]
    if without:
        raise DataError(
            f"expected labels for each split, got none for {without[0]!r}",
            where="y",
            remedy="Pass a mapping with labels for each split, the name of a column, or no labels.",
        )
    return {name: labels[name] for name in splits}


def _scale(collection: Collection, note: Callable[[str], None]) -> str:
    """Return the scale to use if none is stated."""
    if collection.stored_range is not None:
        return "unit"
    if not collection.columns:
        note(
            "The values have no known range: each feature is standardised to mean 0 and standard deviation 1 over the "
            "training examples. To change that, set `data.scale` or `data.value_range`."
        )
    return "standardise"


def _digest(collection: Collection) -> str:
    """Return 32 hexadecimal digits that identify the data; of items that are read on demand, some thousand are used."""
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
