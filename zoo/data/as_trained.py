"""Prepares other data in the same way as a model's training data."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zoo.data.split import Data, Split
from zoo.data.store import MemoryStore, Store
from zoo.datasets import Collection, Dataset
from zoo.errors import DataError, ZooWarning, cut
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.described import scaling_of
from zoo.preparation.transforms import TARGET_RANGES, Scaling
from zoo.registry import find_component
from zoo.spec import DataSpec
from zoo.spec.column_description import ColumnDescription
from zoo.spec.data_description import DataDescription
from zoo.spec.validation import validate
from zoo.tables.coding import UnknownValues


def as_in_training(spec: DataSpec, like: DataDescription) -> DataSpec:
    """Return a data spec in which everything that is not stated is set as for a model's training data.

    Size and channels of images are options of the dataset, and are set if it has such options.

    Args:
        spec: the spec of the other data.
        like: the description of the model's data.

    Raises:
        DataError: the spec states another scale.

    Example:
        >>> like = DataDescription(shape=(2,), stored={"dtype": "float32", "shape": [2]}, binarise="threshold")
        >>> as_in_training(DataSpec(name="arrays"), like).binarise
        'threshold'
    """
    chosen, trained = spec.model_fields_set, like.scaling.name
    if (
        spec.scale is not None
        and like.stored is not None
        and spec.scale != trained
        and not _has_same_effect(spec.scale, like)
    ):
        raise DataError(
            f"expected `scale: {trained}`, as for the model's training data, got {spec.scale}",
            where="data.scale",
            remedy="Leave it out. Data for a trained model are prepared as in training.",
        )
    prepared: dict[str, Any] = {"scale": trained}
    if "binarise" not in chosen:
        prepared["binarise"] = like.binarise
    if "resize" not in chosen:
        prepared["resize"] = like.geometry.resize
    if "fit" not in chosen:
        prepared["fit"] = like.geometry.fit
    if "pad" not in chosen:
        prepared["pad"] = like.geometry.pad
    dataset: type[Dataset] = find_component("dataset", spec.name, where="data.name")
    prepared |= dataset.options_adapted_to(spec.options, like)
    return validate(DataSpec, {**spec.model_dump(exclude_unset=True), **prepared}, "data")


def _has_same_effect(scale: str, like: DataDescription) -> bool:
    """Return whether a scale is the same for the training data: without a range, `unit` and `none` change nothing."""
    assert like.stored is not None
    return like.stored.range is None and {scale, like.scaling.name} <= {"unit", "none"}


def trained_scaling(
    like: DataDescription, stored_range: tuple[float, float] | None, stores: Iterable[Store] = ()
) -> Scaling:
    """Return the scaling of other data that corresponds to the scaling of a model's training data.

    Args:
        like: the description of the model's data.
        stored_range: smallest and largest value that the other data can have; None: they have the same units as the
            training data.
        stores: the other data, whose values are checked if ``stored_range`` is None.

    Raises:
        DataError: values in memory are outside the range of the training data.

    Example:
        >>> like = DataDescription(
        ...     shape=(1, 8, 8), scaling={"name": "unit", "span": 16},
        ...     stored={"dtype": "uint8", "shape": [1, 8, 8], "range": [0, 16]},
        ... )
        >>> trained_scaling(like, (0.0, 255.0)).span
        255.0
    """
    theirs = like.stored.range if like.stored else None
    scaling = scaling_of(like)
    if theirs is None:
        return scaling
    if stored_range is None:
        for store in stores:
            _check_inside(store, theirs)
        return scaling
    if stored_range == theirs:
        return scaling
    target = TARGET_RANGES.get(like.scaling.name)
    if target is not None:
        return Scaling.onto(target, stored_range)
    (low, high), (their_low, their_high) = stored_range, theirs
    gain = (their_high - their_low) / (high - low)
    return scaling.after(gain, their_low - gain * low)


def encoding_for(
    columns: Sequence[ColumnDescription], like: DataDescription | None, shape: tuple[int, ...]
) -> ColumnEncoding | None:
    """Return how rows with these columns are encoded for a model; None if the data are not a table.

    Args:
        columns: the columns of the data; empty for arrays.
        like: the description of the model's data; None: the data are training data.
        shape: shape of one stored example.

    Raises:
        DataError: a column of the model is missing or has another type, or an array has another number of values in a
            row than the model has columns.
    """
    if like is None or not like.columns:
        return ColumnEncoding(columns) if columns else None
    if columns:
        return ColumnEncoding.between(columns, like.columns)
    if tuple(shape) != (len(like.columns),):
        names = ", ".join(repr(column.name) for column in like.columns[:20])
        raise DataError(
            f"expected a table with the {len(like.columns)} columns that the model was trained on, got examples of "
            f"shape {tuple(shape)}",
            where="data",
            remedy=f"The columns are {names}{', …' if len(like.columns) > 20 else ''}.",
        )
    # The values of an array are expected in the order of the training data's columns.
    return ColumnEncoding(like.columns)


def warn_of_unknown_categories(
    encoding: ColumnEncoding | None, columns: Sequence[ColumnDescription], stores: Iterable[Store]
) -> None:
    """Warn of categories that the model does not know, which are treated as missing values."""
    if encoding is None:
        return
    unknown = UnknownValues()
    for store in stores:
        if isinstance(store, MemoryStore):
            for name, texts in encoding.unknown(columns, store.examples.cpu()).items():
                unknown.add(name, texts)
    unknown.warn()


def warn_of_unknown_classes(like: DataDescription, names: tuple[str, ...], collection: Collection) -> None:
    """Warn of classes in the label column of a table that the training data do not have; they are not changed."""
    if like.label is None or collection.label != like.label or not like.class_names:
        return
    unknown = [name for name in names if name not in like.class_names]
    if unknown:
        shown = ", ".join(repr(cut(name, 40)) for name in unknown[:3])
        warnings.warn(
            f"the label {like.label!r} has classes that are not in the training data: "
            f"{shown}{', …' if len(unknown) > 3 else ''}",
            ZooWarning,
            stacklevel=3,
        )


def _check_inside(store: Store, bounds: tuple[float, float]) -> None:
    if not isinstance(store, MemoryStore) or not store.examples.numel():
        return
    low, high = map(float, store.examples.aminmax())
    if low < bounds[0] or high > bounds[1]:
        raise DataError(
            f"expected values in [{bounds[0]:g}, {bounds[1]:g}], the range of the model's training data, got values "
            f"from {low:g} to {high:g}",
            where="data",
            remedy="Convert them to the units of the training data, or set `value_range` of the dataset `arrays`.",
        )


def classes_of(collection: Collection) -> tuple[str, ...]:
    """Return the names of a collection's classes; if its labels have no names, the class numbers as texts."""
    labels = [stored.labels for stored in collection.splits.values() if stored.labels is not None]
    if collection.class_names or not labels:
        return collection.class_names
    return tuple(str(number) for number in range(1 + max(int(each.max()) for each in labels)))


def trained_class_numbers(like: DataDescription, names: tuple[str, ...], collection: Collection) -> Tensor | None:
    """Return the number that each class of other data (C,) has in a model.

    None: there are no labels, or the data have other classes than the model, which only conditional models refuse.
    """
    found = [stored.labels for stored in collection.splits.values() if stored.labels is not None]
    return _numbers(like.class_names, names, torch.cat(found)) if found else None


def _numbers(known: tuple[str, ...], names: tuple[str, ...], labels: Tensor) -> Tensor | None:
    if not known or not names or not all(names[number] in known for number in labels.unique().tolist()):
        return None
    return torch.tensor([known.index(name) if name in known else -1 for name in names], dtype=torch.int64)


def prepared_for(data: DataDescription, split: Split) -> Split:
    """Return a split with the scaling, column encoding and class numbers of a model's training data.

    A split of a plain tensor is taken to be prepared already.

    Args:
        data: the description of the model's data.
    """
    own = split.info.description
    if not data.is_known or own is None or own.stored is None:
        return split
    names, labels = split.info.class_names, split.labels
    numbers = None if labels is None or names == data.class_names else _numbers(data.class_names, names, labels)
    scaling = trained_scaling(data, own.stored.range) if own.binarise == "none" else split.scaling
    encoding = None if own.columns == data.columns else encoding_for(own.columns, data, own.stored.shape)
    if numbers is None and encoding is None and _same(scaling, split.scaling):
        return split
    info = replace(
        split.info,
        data_range=data.range if own.binarise == "none" else split.info.data_range,
        class_names=names if numbers is None else data.class_names,
        scaling=scaling,
        data_shape=data.shape if encoding is not None else split.info.data_shape,
    )
    return split.prepared_as(info, scaling, numbers, encoding)


def all_prepared_for(data: DataDescription, other: Data) -> Data:
    """Return other data in which every split is prepared for a model; see :func:`prepared_for`."""
    train = prepared_for(data, other.train)
    held_out = (None if split is None else prepared_for(data, split) for split in (other.validation, other.test))
    return Data(train.info, train, *held_out)


def _same(first: Scaling, second: Scaling) -> bool:
    pairs = ((first.shift, second.shift), (first.span, second.span))
    return all(
        torch.equal(torch.as_tensor(one, dtype=torch.float64).cpu(), torch.as_tensor(two, dtype=torch.float64).cpu())
        for one, two in pairs
    )
