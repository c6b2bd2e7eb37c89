"""Describes prepared data, for the models that are trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from zoo.data.as_trained import classes_of
from zoo.data.split import Data
from zoo.data.store import Store
from zoo.datasets import Collection
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.described import describe_geometry, describe_scaling
from zoo.preparation.transforms import Geometry, Scaling
from zoo.spec import DataSpec
from zoo.spec.data_description import ClassDescription, DataDescription, SplitDescription, SplittingDescription
from zoo.spec.preparation_description import StoredDescription

_DTYPES: Mapping[torch.dtype, Literal["uint8", "float32", "float64"]] = {
    torch.uint8: "uint8",
    torch.float64: "float64",
}


def describe(
    spec: DataSpec,
    collection: Collection,
    *,
    shape: tuple[int, ...],
    geometry: Geometry,
    scaling: Scaling,
    data_range: tuple[float, float] | None,
    train: Store,
    encoding: ColumnEncoding | None,
    missing: bool,
) -> DataDescription:
    """Return the description of prepared data that is saved with a model; :func:`with_digests` adds the splits."""
    bounds = collection.stored_range
    stored = collection.splits["train"].examples
    dtype = (stored[:1] if isinstance(stored, Tensor) else stored.read([0])[0]).dtype
    layout = collection.layout if len(shape) in (2, 3) else "channels_first"
    names = classes_of(collection)
    counts = None if train.labels is None else torch.bincount(train.labels, minlength=len(names)).tolist()
    return DataDescription(
        dataset=spec.name,
        shape=tuple(geometry(torch.zeros(1, *shape)).shape[1:]) if encoding is None else (encoding.width,),
        range=data_range,
        stored=StoredDescription(
            dtype=_DTYPES.get(dtype, "float32"),
            shape=shape if encoding is None else (len(encoding.columns),),
            range=bounds,
            layout=layout,
        ),
        reading=collection.reading,
        geometry=describe_geometry(geometry),
        scaling=describe_scaling(_scale_name(spec, collection), scaling),
        binarise=spec.binarise,
        splitting=SplittingDescription(
            validation=spec.validation, test=spec.test, subset=spec.subset, split_seed=spec.split_seed
        ),
        columns=() if encoding is None else encoding.columns,
        label=collection.label,
        missing=missing,
        classes=tuple(
            ClassDescription(name=name, examples=None if counts is None else counts[number])
            for number, name in enumerate(names)
        ),
    )


def _scale_name(spec: DataSpec, collection: Collection) -> Literal["unit", "symmetric", "standardise", "none"]:
    scale = spec.scale_for(table=bool(collection.columns))
    return scale if collection.stored_range or scale == "standardise" else "none"  # type: ignore[return-value]


def with_digests(description: DataDescription, data: Data) -> DataDescription:
    """Return a description with the size and digest of each split, by which the data can be identified."""
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return description.model_copy(
        update={
            "splits": {
                name: SplitDescription(examples=len(split), digest=split.digest())
                for name, split in splits.items()
                if split is not None
            }
        }
    )
