"""Converts DataFrames in memory to a collection, in the same way as the dataset ``table`` reads a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from zoo.data.labels import labels_of
from zoo.datasets import Collection, Stored
from zoo.datasets.table import Table
from zoo.errors import DataError
from zoo.formats.labels import Labels, class_numbers
from zoo.preparation.raw import tensor_of_numbers
from zoo.registry import find_component
from zoo.spec.data_description import DataDescription
from zoo.spec.options import check_options, construct
from zoo.tables.frames import frame_names, is_frame

Note = Callable[[str], None]


def collect_frames(
    frames: Mapping[str, Any],
    y: Mapping[str, Any],
    options: Mapping[str, Any],
    like: DataDescription | None,
    note: Note,
) -> tuple[Collection, str | None]:
    """Return DataFrames as a collection, and the name of the label column.

    Args:
        frames: the DataFrame of each split.
        y: for each split the labels, the name of the column that contains them, or None.
        options: options of the dataset ``table``, except those for files.
        like: the description of a model's data; columns are found by name and read as in training.
        note: called with a sentence about missing values.

    Raises:
        DataError: a column or value is not as expected; the message names it.
    """
    others = [name for name, frame in frames.items() if not is_frame(frame)]
    if others:
        raise DataError(
            f"expected DataFrames for all splits, got {type(frames[others[0]]).__name__} for {others[0]!r}", where="x"
        )
    label = next((each for each in y.values() if isinstance(each, str)), options.get("label"))
    if label is None and like is not None and like.label and all(like.label in frame_names(f) for f in frames.values()):
        label = like.label
    given = {name: each for name, each in y.items() if each is not None and not isinstance(each, str)}
    if given:
        label = None
    if like is not None and not like.columns:
        collection = _rows_of(frames, like, label)
    else:
        stated = {**options, "label": label}
        found = find_component("dataset", "table")
        table: Table = construct(found, check_options(found, stated, "data"), {}, "data")
        if like is not None:
            table = table.adapted_to(like)
        collection = table.collection_of(frames, note)
    if given:
        collection = _with_labels(collection, given)
    names = {split: _row_names(frame) for split, frame in frames.items()}
    splits = {split: replace(stored, names=names[split]) for split, stored in collection.splits.items()}
    return replace(collection, splits=splits), label


def _rows_of(frames: Mapping[str, Any], like: DataDescription, label: str | None) -> Collection:
    """Return the numbers in DataFrames, for a model that was trained on arrays and does not know columns."""
    assert like.stored is not None
    splits, texts = {}, {}
    for split, frame in frames.items():
        names = frame_names(frame)
        kept = [column for column, name in zip(frame.columns, names, strict=True) if name != label]
        rows = tensor_of_numbers(frame[kept].to_numpy(), [str(column) for column in kept]).float()
        splits[split] = Stored(rows)
        if label is not None and label in names:
            texts[split] = frame[frame.columns[names.index(label)]]
    collection = Collection(splits=splits, stored_range=like.stored.range, layout=like.stored.layout)
    return _with_labels(collection, texts) if texts else collection


def _with_labels(collection: Collection, y: Mapping[str, Any]) -> Collection:
    labels = {
        split: Labels(labels_of(each, len(collection.splits[split]), f"the DataFrame of {split}"), "y")
        for split, each in y.items()
    }
    numbers: dict[str, Tensor]
    numbers, class_names = class_numbers(labels)
    splits = {split: replace(stored, labels=numbers[split]) for split, stored in collection.splits.items()}
    return replace(collection, splits=splits, class_names=class_names)


def _row_names(frame: Any) -> tuple[str, ...] | None:
    """Return the index of a pandas DataFrame as names of the rows; None if it only numbers them."""
    index = getattr(frame, "index", None)
    if index is None or type(index).__name__ == "RangeIndex":
        return None
    return tuple(map(str, index))
