"""Splits a collection, and prepares its examples as a recipe or a trained model requires."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.as_trained import (
    classes_of,
    encoding_for,
    trained_class_numbers,
    trained_scaling,
    warn_of_unknown_categories,
    warn_of_unknown_classes,
)
from zoo.data.describing import describe
from zoo.data.info import DataInfo
from zoo.data.sizes import ROWS_AT_ONCE, check_size
from zoo.data.split import Data, Split
from zoo.data.splitting import Part, divide
from zoo.data.statistics import holds_missing, standardisation
from zoo.data.store import MemoryStore, Store, StreamedStore
from zoo.data.validation import check_collection, other_shape
from zoo.datasets import Collection
from zoo.errors import DataError
from zoo.preparation.augmentation import Augmentation
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.transforms import (
    TARGET_RANGES,
    Binarisation,
    DynamicDraw,
    Geometry,
    Scaling,
    StaticDraw,
    Threshold,
)
from zoo.spec import DataSpec
from zoo.spec.augment import AugmentSpec
from zoo.spec.data_description import DataDescription


def prepare(
    collection: Collection, spec: DataSpec, *, like: DataDescription | None = None, whole: bool = False
) -> Data:
    """Split and prepare a collection.

    Args:
        like: the description of a model's data; the collection is prepared in the same way. None: scaling and classes
            follow from the collection itself.
        whole: use every split completely, and draw none from the training data.

    Raises:
        DataError: the collection is not valid, or cannot be prepared as the spec or the model requires.
    """
    shape = check_collection(collection)
    geometry = _geometry(spec, collection, shape)
    sizes = {name: len(stored) for name, stored in collection.splits.items()}
    parts = {name: Part(name, torch.arange(size)) for name, size in sizes.items()} if whole else divide(sizes, spec)
    check_size(spec, collection, shape, parts)
    stores = {name: _store(collection, part, geometry, spec.workers) for name, part in parts.items()}
    encoding = encoding_for(collection.columns, like, shape)
    warn_of_unknown_categories(encoding, collection.columns, stores.values())
    if like is not None and not like.columns:
        _check_shape(tuple(geometry(torch.zeros(1, *shape)).shape[1:]), like)
    if like is None:
        scaling, data_range = _scaling(spec, collection, stores["train"], encoding)
    else:
        scaling, data_range = trained_scaling(like, collection.stored_range, stores.values()), like.range
    binarisations = {name: _binarisation(spec, name, part, data_range) for name, part in parts.items()}
    missing = holds_missing(stores.values(), encoding)
    class_names = classes_of(collection)
    numbers = None if like is None else trained_class_numbers(like, class_names, collection)
    if like is not None:
        warn_of_unknown_classes(like, class_names, collection)
    description = describe(
        spec,
        collection,
        shape=shape,
        geometry=geometry,
        scaling=scaling,
        data_range=data_range,
        train=stores["train"],
        encoding=encoding,
        missing=missing,
    )
    info = DataInfo(
        name=spec.name,
        data_shape=description.shape,
        data_range=data_range,
        class_names=class_names if like is None or numbers is None else like.class_names,
        citation=collection.citation,
        licence=collection.licence,
        facts=collection.facts,
        scaling=scaling,
        description=description,
        missing=missing,
        title=collection.title,
    )
    augmentation = _augmentation(spec, geometry, description.shape)
    splits = {
        name: _split(
            info,
            stores[name],
            scaling,
            binarisations[name],
            class_numbers=numbers,
            augmentation=augmentation if name == "train" else None,
            encoding=encoding,
        )
        for name in parts
    }
    return Data(info, splits["train"], splits.get("validation"), splits.get("test"))


def _check_shape(found: tuple[int, ...], like: DataDescription) -> None:
    """Raise an error for examples of another shape than the model's, except for images of another size."""
    both_images = len(found) == len(like.shape) == 3 and found[0] == like.shape[0]
    if found != like.shape and not both_images:
        raise other_shape(like.shape, found, "Use data of the kind that the model was trained on.")


def _geometry(spec: DataSpec, collection: Collection, shape: tuple[int, ...]) -> Geometry:
    stated = {"resize": spec.resize is not None, "pad": spec.pad > 0, "augment": spec.augment is not None}
    for field, is_stated in stated.items():
        if is_stated and len(shape) != 3:
            raise DataError(
                f"expected images (channels, height, width), got examples of shape {shape} from {spec.name}",
                where=f"data.{field}",
                remedy=f"Leave out `{field}`.",
            )
    background = collection.background or (collection.stored_range[0] if collection.stored_range else 0.0)
    return Geometry(resize=spec.resize, pad=spec.pad, background=background, fit=spec.fit)


def _store(collection: Collection, part: Part, geometry: Geometry, workers: int) -> Store:
    stored = collection.splits[part.stored]
    labels = None if stored.labels is None else stored.labels[part.positions]
    if not isinstance(stored.examples, Tensor):
        cpu, names = torch.device("cpu"), stored.names
        return StreamedStore(
            stored.examples, labels, part.positions, geometry=geometry, workers=workers, device=cpu, names=names
        )
    whole = len(part.positions) == len(stored.examples)
    examples = stored.examples if whole else stored.examples[part.positions]
    if geometry.changes:
        examples = torch.cat([geometry(rows) for rows in torch.split(examples, ROWS_AT_ONCE)])
    return MemoryStore(examples.contiguous(), labels, part.positions, names=stored.names)


def _augmentation(spec: DataSpec, geometry: Geometry, shape: tuple[int, ...]) -> Augmentation | None:
    if spec.augment is None or spec.augment == AugmentSpec():
        return None
    background = geometry.background if isinstance(geometry.background, tuple) else (geometry.background,)
    channels, height, width = shape
    return Augmentation(spec.augment, (channels, height, width), background, spec.split_seed)


def _scaling(
    spec: DataSpec, collection: Collection, train: Store, encoding: ColumnEncoding | None
) -> tuple[Scaling, tuple[float, float] | None]:
    bounds, scale = collection.stored_range, spec.scale_for(table=bool(collection.columns))
    if scale == "standardise":
        return standardisation(train, encoding), None
    if scale == "symmetric" and bounds is None:
        raise DataError(
            f"expected values with a known range for `scale: symmetric`, got values without one from {spec.name}",
            where="data.scale",
            remedy="Use `scale: standardise`, or state the range, if the dataset has such an option.",
        )
    target = TARGET_RANGES.get(scale)
    if target is None or bounds is None:
        return Scaling(), bounds
    return Scaling.onto(target, bounds), target


def _binarisation(spec: DataSpec, name: str, part: Part, data_range: tuple[float, float] | None) -> Binarisation | None:
    if spec.binarise == "none":
        return None
    if spec.scale not in (None, "unit") or data_range is None:
        got = "values without a range" if data_range is None else f"`scale: {spec.scale}`"
        raise DataError(
            f"expected values in [0, 1] to binarise, got {got}",
            where="data.binarise",
            remedy="Use `scale: unit` with images, or `binarise: none`.",
        )
    if spec.binarise == "threshold":
        return Threshold()
    # Only training examples are drawn in every epoch, because evaluation must be reproducible.
    if spec.binarise == "dynamic" and name == "train":
        return DynamicDraw()
    return StaticDraw(spec.split_seed, f"binarise/{part.stored}")


def _split(
    info: DataInfo,
    store: Store,
    scaling: Scaling,
    binarisation: Binarisation | None,
    *,
    class_numbers: Tensor | None,
    augmentation: Augmentation | None,
    encoding: ColumnEncoding | None,
) -> Split:
    fixed = isinstance(binarisation, Threshold | StaticDraw) and augmentation is None
    if not (fixed and isinstance(store, MemoryStore)):
        return Split(info, store, scaling, binarisation, class_numbers, augmentation, encoding)
    # Pixels that never change are drawn here once, so that each batch only needs a gather and a conversion.
    prepared = Split(info, store, scaling, binarisation).batches(ROWS_AT_ONCE)
    bits = torch.cat([batch.x.to(torch.uint8) for batch in prepared])
    drawn = MemoryStore(bits, store.labels, store.positions, names=store.names)
    return Split(info, drawn, Scaling(), None, class_numbers)
