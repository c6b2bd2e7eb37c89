"""From a recipe's `data` section to prepared splits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from zoo.data.as_trained import (
    all_prepared_for,
    as_in_training,
    classes_of,
    encoding_for,
    trained_numbers,
    trained_scaling,
    warn_of_unknown,
    warn_of_unknown_classes,
)
from zoo.data.in_memory import as_memory, collect_given, is_in_memory
from zoo.data.info import DataInfo
from zoo.data.split import Data, Split
from zoo.data.splitting import Part, cut
from zoo.data.statistics import holds_missing, standardisation
from zoo.data.store import MemoryStore, Store, StreamedStore
from zoo.data.validation import check_collection, other_shape
from zoo.datasets import Collection, Dataset, ImageDataset, TargetSize
from zoo.errors import DataError, ZooError
from zoo.preparation.augmentation import Augmentation
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.described import describe_geometry, describe_scaling
from zoo.preparation.transforms import (
    TARGET_RANGES,
    Binarisation,
    DynamicDraw,
    Geometry,
    Scaling,
    StaticDraw,
    Threshold,
)
from zoo.registry import find_component, sources, usable_components
from zoo.spec import DataSpec
from zoo.spec.augment import AugmentSpec
from zoo.spec.data_description import (
    LARGEST_EXAMPLE,
    ClassDescription,
    DataDescription,
    SplittingDescription,
    StoredDescription,
)
from zoo.spec.options import check_options, construct
from zoo.spec.resolve import validate
from zoo.utils.arguments import checked
from zoo.utils.memory import check_memory

_DTYPES: Mapping[torch.dtype, Literal["uint8", "float32", "float64"]] = {
    torch.uint8: "uint8",
    torch.float64: "float64",
}
_ROWS_AT_ONCE = 4096
_BYTES_WHILE_RESIZED = 9
"""Bytes for each pixel and channel while an image is resized: as stored, and twice in 32 bits."""


def _silent(_: str) -> None: ...


@checked
def load_data(
    spec: Any,
    *,
    y: Any = None,
    note: Callable[[str], None] = _silent,
    like: DataDescription | None = None,
    whole: bool = False,
    **overrides: Any,
) -> Data:
    """Load a dataset by name, or take data that you hold; split them, and prepare them as the spec says.

    Splits depend on the data, the shares and ``split_seed`` alone, so they are the same on every machine.

    Args:
        spec: a dataset's name, or the ``data`` of a recipe: a mapping, or a spec. Or data in memory: an array (N, D),
            (N, H, W) or (N, C, H, W), a tensor, a DataFrame, a data set or DataLoader of torch, a data set of Hugging
            Face, a pair of any of these and its labels, or a mapping of the names of splits to them.
        y: labels of data in memory, whole numbers or texts; or the name of the column that holds them.
        note: called with a sentence before work that takes long, such as a download.
        like: ``model.data`` of a trained model: the data are scaled, resized and binarised as its training data were,
            and their classes numbered as there. Nothing is learned from the data themselves.
        whole: use every split as the dataset stores it, and cut none: for data that are measured, not trained on.
        overrides: fields of the spec to set, options of the dataset among them: ``binarise="dynamic"``,
            ``root="~/data"``; of data in memory those of the dataset ``memory``.

    Raises:
        RecipeError: a field is wrong; the message names it.
        ComponentError: the dataset is unknown, or one of its options.
        DataError: the data cannot be had, or cannot be prepared like this; the message names the field.

    Example:
        >>> data = load_data("digits", binarise="dynamic")
        >>> len(data.train), len(data.validation), len(data.test), data.info.data_shape
        (1374, 153, 270, (1, 8, 8))
        >>> data.train.examples(2).unique()
        tensor([0., 1.])
        >>> load_data(torch.rand(100, 5), validation=0.2).info.data_shape
        (5,)
    """
    if is_in_memory(spec):
        memory = validate(DataSpec, {**as_memory({}), **overrides}, "data")
        return load_given(spec, memory, y, note=note, like=like, whole=whole)[0]
    if y is not None:
        raise DataError("labels are given for data in memory alone; a dataset has its own", where="y")
    if not isinstance(spec, DataSpec):
        spec = validate(DataSpec, spec, "data")
    if overrides:
        spec = validate(DataSpec, {**spec.model_dump(exclude_unset=True), **overrides}, "data")
    if like is not None and like.is_known:
        spec = as_in_training(spec, like)
    else:
        like = None
    return prepare(collect(spec, note, like=like), spec, like=like, whole=whole)


def load_given(
    data: Any,
    spec: DataSpec,
    y: Any = None,
    *,
    note: Callable[[str], None] = _silent,
    like: DataDescription | None = None,
    whole: bool = False,
) -> tuple[Data, DataSpec]:
    """Return data in memory, split and prepared, and the spec that records what they were.

    Args:
        data: examples in any form of :func:`load_data`, or data and splits that are prepared already.
        spec: of the dataset ``memory``.
        like: as for :func:`load_data`.
        whole: likewise.

    Raises:
        DataError: the form is unknown, or the data are not what the spec or the model needs.
    """
    if isinstance(data, Split):
        data = Data(data.info, data, None, None)
    known = like if like is not None and like.is_known else None
    if isinstance(data, Data):
        if y is not None:
            raise DataError("prepared data have their own labels", where="y", remedy="Leave `y` out.")
        return (data if known is None else all_prepared_for(known, data)), _spec_of_prepared(data)
    if known is not None:
        spec = as_in_training(spec, known)
    collection, spec = collect_given(data, spec, y, like=known, note=note)
    return prepare(collection, spec, like=known, whole=whole), spec


def _spec_of_prepared(data: Data) -> DataSpec:
    """Return the spec that records what prepared data were."""
    known = data.info.description
    shape = [len(data.train), *data.info.data_shape]
    facts: dict[str, Any] = {
        "kind": f"prepared data of {data.info.name}",
        "shape": shape,
        "digest": data.train.digest(),
    }
    if known is not None and known.is_known:
        geometry = known.geometry
        facts |= {"scale": known.scaling.name, "binarise": known.binarise, **known.splitting.model_dump()}
        facts |= {"resize": geometry.resize, "fit": geometry.fit, "pad": geometry.pad}
    return DataSpec.model_validate(as_memory({}) | facts)


def prepare(
    collection: Collection, spec: DataSpec, *, like: DataDescription | None = None, whole: bool = False
) -> Data:
    """Split and prepare a collection; see :func:`load_data`."""
    shape = check_collection(collection)
    geometry = _geometry(spec, collection, shape)
    sizes = {name: len(stored) for name, stored in collection.splits.items()}
    parts = {name: Part(name, torch.arange(size)) for name, size in sizes.items()} if whole else cut(sizes, spec)
    _check_size(spec, collection, shape, parts)
    stores = {name: _store(collection, part, geometry, spec.workers) for name, part in parts.items()}
    encoding = encoding_for(collection.columns, like, shape)
    warn_of_unknown(encoding, collection.columns, stores.values())
    if like is not None and not like.columns:
        _check_shape(tuple(geometry(torch.zeros(1, *shape)).shape[1:]), like)
    if like is None:
        scaling, data_range = _scaling(spec, collection, stores["train"], encoding)
    else:
        scaling, data_range = trained_scaling(like, collection.stored_range, stores.values()), like.range
    binarisations = {name: _binarisation(spec, name, part, data_range) for name, part in parts.items()}
    missing = holds_missing(stores.values(), encoding)
    class_names = classes_of(collection)
    numbers = None if like is None else trained_numbers(like, class_names, collection)
    if like is not None:
        warn_of_unknown_classes(like, class_names, collection)
    description = _describe(spec, collection, shape, geometry, scaling, data_range, stores["train"], encoding, missing)
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
            *(info, stores[name], scaling, binarisations[name], numbers),
            augmentation if name == "train" else None,
            encoding,
        )
        for name in parts
    }
    return Data(info, splits["train"], splits.get("validation"), splits.get("test"))


def _check_shape(found: tuple[int, ...], like: DataDescription) -> None:
    """Refuse examples of another shape, but for images of another size, which the caller may state."""
    both_images = len(found) == len(like.shape) == 3 and found[0] == like.shape[0]
    if found != like.shape and not both_images:
        raise other_shape(like.shape, found, "Use data of the kind that the model was trained on.")


def collect(
    spec: DataSpec, note: Callable[[str], None] = _silent, *, like: DataDescription | None = None
) -> Collection:
    """Return a dataset as it is stored.

    Args:
        like: what a model knows of its data, by which these are read.

    Raises:
        ComponentError: the dataset is unknown, or one of its options.
        DataError: the data cannot be had.
    """
    _check_name(spec.name)
    _check_example(spec)
    component = find_component("dataset", spec.name, where="data.name")
    options = check_options(component, spec.options, "data", also_valid=DataSpec.model_fields)
    dataset: Dataset = construct(component, options, {}, "data")
    if like is not None:
        dataset = dataset.adapted_to(like)
    try:
        if isinstance(dataset, ImageDataset) and spec.resize is not None:
            return dataset.load(note, TargetSize(*spec.resize, spec.fit))
        return dataset.load(note)
    except ZooError as error:
        error.where = "data" if error.where in (None, "data") else f"data.{error.where}"
        raise


def _check_example(spec: DataSpec) -> None:
    """Refuse images of a size that not even one of them fits into memory, before any is read.

    Raises:
        DataError: names the field.
    """
    height, width = (length + 2 * spec.pad for length in spec.resize or (1, 1))
    field = "resize" if spec.resize else "pad"
    size = _BYTES_WHILE_RESIZED * height * width
    check_memory(size, f"an image of {height:,} × {width:,} pixels", where=f"data.{field}", refusal=DataError)


def _check_size(spec: DataSpec, collection: Collection, shape: tuple[int, ...], parts: Mapping[str, Part]) -> None:
    """Refuse examples that are larger than any, and data that grow beyond the memory when they are resized or padded.

    Raises:
        DataError: names the field.
    """
    if not (spec.resize or spec.pad):
        _check_values(shape, None)
        return
    field = f"data.{'resize' if spec.resize else 'pad'}"
    height, width = (length + 2 * spec.pad for length in spec.resize or shape[1:])
    _check_values((shape[0], height, width), field)
    pixels = shape[0] * height * width
    held = 0
    for part in parts.values():
        examples = collection.splits[part.stored].examples
        if isinstance(examples, Tensor):
            held += len(part.positions) * pixels * examples.itemsize
    at_once = min(_ROWS_AT_ONCE, max(len(part.positions) for part in parts.values())) if held else 1
    what = f"the data of {spec.name}, resized or padded to {height:,} × {width:,} pixels,"
    size = held + _BYTES_WHILE_RESIZED * pixels * at_once
    check_memory(size, what, where=field, refusal=DataError)


def _check_values(shape: tuple[int, ...], field: str | None) -> None:
    if math.prod(shape) > LARGEST_EXAMPLE:
        raise DataError(
            f"expected examples of at most {LARGEST_EXAMPLE:,} values, got shape {shape}",
            where=field,
            remedy="The field `resize` of the data brings images to a smaller size." if not field else None,
        )


def _describe(
    spec: DataSpec,
    collection: Collection,
    shape: tuple[int, ...],
    geometry: Geometry,
    scaling: Scaling,
    data_range: tuple[float, float] | None,
    train: Store,
    encoding: ColumnEncoding | None,
    missing: bool,
) -> DataDescription:
    """Return what a model that is trained on the data knows of them; `with_digests` adds what identifies them."""
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


def _check_name(name: str) -> None:
    if not looks_like_path(name):
        return
    reader = spec_for_path(name) or {"name": "arrays", "path": name}
    dataset, *others = reader.items()
    options = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in others)
    raise DataError(
        f"expected the name of a dataset, got {name!r}, which looks like a path",
        where="data.name",
        remedy=f"Write `{{name: {dataset[1]}, {options}}}` in its place.",
    )


def looks_like_path(name: str) -> bool:
    """Whether a text is more likely the path of a file or folder than the name of a dataset."""
    path = Path(name)
    return bool(name) and name not in sources("dataset") and bool(path.suffix or "/" in name or path.exists())


def spec_for_path(path: str) -> dict[str, Any] | None:
    """Return the dataset that reads a file or folder, with the options for it; None if there is none.

    Example:
        >>> spec_for_path("measurements.npy")
        {'name': 'arrays', 'path': 'measurements.npy'}
    """
    for name, component in usable_components("dataset").items():
        options = cast("type[Dataset]", component).options_for(path)
        if options is not None:
            return {"name": name, **options}
    return None


def _geometry(spec: DataSpec, collection: Collection, shape: tuple[int, ...]) -> Geometry:
    wishes = {"resize": spec.resize is not None, "pad": spec.pad > 0, "augment": spec.augment is not None}
    for field, wanted in wishes.items():
        if wanted and len(shape) != 3:
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
        examples = torch.cat([geometry(rows) for rows in torch.split(examples, _ROWS_AT_ONCE)])
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
            f"symmetric needs values with a known range, those of {spec.name} have none",
            where="data.scale",
            remedy="Use `scale: standardise`, or state the range where the dataset has such an option.",
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
    # Evaluation must repeat itself, so only training examples are drawn again.
    if spec.binarise == "dynamic" and name == "train":
        return DynamicDraw()
    return StaticDraw(spec.split_seed, f"binarise/{part.stored}")


def _split(
    info: DataInfo,
    store: Store,
    scaling: Scaling,
    binarisation: Binarisation | None,
    class_numbers: Tensor | None,
    augmentation: Augmentation | None,
    encoding: ColumnEncoding | None,
) -> Split:
    fixed = isinstance(binarisation, Threshold | StaticDraw) and augmentation is None
    if not (fixed and isinstance(store, MemoryStore)):
        return Split(info, store, scaling, binarisation, class_numbers, augmentation, encoding)
    # What never changes is drawn here once, so that an epoch pays for a gather and a conversion alone.
    prepared = Split(info, store, scaling, binarisation).batches(_ROWS_AT_ONCE)
    bits = torch.cat([batch.x.to(torch.uint8) for batch in prepared])
    drawn = MemoryStore(bits, store.labels, store.positions, names=store.names)
    return Split(info, drawn, Scaling(), None, class_numbers)
