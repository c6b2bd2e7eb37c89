"""Shared by commands that take data: the spec of the data that the user names, or of those in the run's recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.spec import DataSpec
    from zoo.spec.data_description import DataDescription

PREPARATION = ("binarise", "scale", "pad", "resize", "fit")
"""Fields of a data spec that say how examples are prepared."""


def recipe_data(folder: str) -> DataSpec | None:
    """Return the data of a run's recipe, or None if the directory contains no recipe."""
    from zoo.runs.directory import RECIPE, RunDirectory

    return RunDirectory(folder).read_recipe().data if (Path(folder) / RECIPE).is_file() else None


def data_spec(
    folder: str, recipe: DataSpec | None, known: DataDescription, dataset: str | None, overrides: Sequence[str]
) -> tuple[DataSpec, set[str]]:
    """Return the spec of the data that the user names, and the fields that the command line sets.

    Args:
        recipe: the data of the run's recipe.
        known: the description of the model's data.
        dataset: the option ``--data``.
        overrides: the options ``--set``.

    Raises:
        DataError: no data are named, and there is no recipe.
        RecipeError: a field is wrong.
        InputError: ``dataset`` is a path that no dataset reads.
    """
    from zoo.errors import DataError
    from zoo.spec import DataSpec
    from zoo.spec.documents import parse_yaml
    from zoo.spec.overrides import apply_override
    from zoo.spec.validation import validate

    document: dict[str, Any] = {} if recipe is None else recipe.model_dump()
    stated: set[str] = set()
    if dataset is not None:
        named = parse_yaml(dataset, "--data") if dataset.lstrip().startswith("{") else _named(dataset)
        stated |= set(named) if isinstance(named, Mapping) else set()
        if document and named.get("name", document["name"]) != document["name"]:
            document = {} if known.is_known else {field: document[field] for field in PREPARATION}
        document |= named
    if not document:
        raise DataError(
            "expected the name of a dataset, because the model has no recipe.yaml",
            where=folder,
            remedy="Name a dataset: --data digits",
        )
    for override in overrides:
        # `data.root=…` is accepted too, as in a recipe.
        field = override.removeprefix("data.")
        stated.add(field.partition("=")[0].strip())
        apply_override(document, field)
    return validate(DataSpec, document, "data"), stated


def _named(dataset: str) -> dict[str, Any]:
    """Return the spec of a dataset by its name, or of one that reads the file or folder at this path.

    Raises:
        InputError: it looks like a path, and no dataset reads it.
    """
    from zoo.data.collecting import looks_like_path, spec_for_path
    from zoo.errors import InputError

    if not looks_like_path(dataset):
        return {"name": dataset}
    found = spec_for_path(dataset)
    if found is None:
        exists = Path(dataset).expanduser().exists()
        raise InputError(
            "no dataset reads this file" if exists else "there is no such file, folder or dataset",
            where=f"--data {dataset}",
            remedy="Name a folder of images (also for a single image), a table (.csv, .tsv, .parquet), arrays (.npy, "
            ".npz, .safetensors), or a dataset, which `zoo-cli list dataset` lists.",
        )
    return found
