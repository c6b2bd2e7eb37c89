"""Finds the dataset that a recipe or a path names, and reads its stored examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from zoo.data.sizes import check_resized_image
from zoo.datasets import Collection, Dataset, ImageDataset, TargetSize
from zoo.errors import DataError, ZooError
from zoo.registry import find_component, sources, usable_components
from zoo.spec import DataSpec
from zoo.spec.data_description import DataDescription
from zoo.spec.options import check_options, construct


def _silent(_: str) -> None: ...


def collect(
    spec: DataSpec, note: Callable[[str], None] = _silent, *, like: DataDescription | None = None
) -> Collection:
    """Return the stored data of a dataset.

    Args:
        note: called with a sentence about work that takes long, and about files that are left out.
        like: the description of a model's data; the data are read in the same way.

    Raises:
        ComponentError: the dataset or one of its options is unknown.
        DataError: the data cannot be found or read.
    """
    _check_name(spec.name)
    check_resized_image(spec)
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


def _check_name(name: str) -> None:
    if not looks_like_path(name):
        return
    reader = spec_for_path(name) or {"name": "arrays", "path": name}
    dataset, *others = reader.items()
    options = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in others)
    raise DataError(
        f"expected the name of a dataset, got {name!r}, which looks like a path",
        where="data.name",
        remedy=f"Write `{{name: {dataset[1]}, {options}}}` instead.",
    )


def looks_like_path(name: str) -> bool:
    """Return whether a text is probably the path of a file or folder, and not the name of a dataset."""
    path = Path(name)
    return bool(name) and name not in sources("dataset") and bool(path.suffix or "/" in name or path.exists())


def spec_for_path(path: str) -> dict[str, Any] | None:
    """Return the name and options of the dataset that reads a file or folder; None if there is none.

    Example:
        >>> spec_for_path("measurements.npy")
        {'name': 'arrays', 'path': 'measurements.npy'}
    """
    for name, component in usable_components("dataset").items():
        options = cast("type[Dataset]", component).options_for(path)
        if options is not None:
            return {"name": name, **options}
    return None
