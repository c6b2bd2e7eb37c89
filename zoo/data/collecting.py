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
    """Return a dataset as it is stored.

    Args:
        like: what a model knows of its data, by which these are read.

    Raises:
        ComponentError: the dataset is unknown, or one of its options.
        DataError: the data cannot be had.
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
