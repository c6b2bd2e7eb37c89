"""What commands share that take a MODEL: opening it, and finding the data that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.data import Data, Split
    from zoo.spec import DataSpec

DATA_HELP = (
    "Dataset, by name or as {name: NAME, OPTION: VALUE}, prepared as in training.  [default: that of the recipe]"
)
_PREPARATION = ("binarise", "scale", "pad", "resize", "fit")
SET_HELP = "Set a field of the data, such as root=DIR or binarise=threshold; repeatable."


def data_of(model: str, name: str | None, overrides: Sequence[str]) -> Data:
    """Load the data that are named, or those of the run's recipe.

    Raises:
        DataError: neither is there.
    """
    from zoo.data import load_data

    return load_data(data_spec_of(model, name, overrides))


def data_spec_of(model: str, name: str | None, overrides: Sequence[str]) -> DataSpec:
    """Return the spec of the data that are named, or that of the run's recipe.

    Raises:
        DataError: neither is there.
    """
    from zoo.errors import DataError

    spec = _data_spec(Path(model), name, overrides)
    if spec is None:
        raise DataError(
            "no data are named, and there is no recipe.yaml beside the model",
            where=model,
            remedy="Name a dataset: --data digits",
        )
    return spec


def _data_spec(folder: Path, name: str | None, overrides: Sequence[str]) -> DataSpec | None:
    from zoo.runs.directory import RECIPE, RunDirectory
    from zoo.spec import DataSpec
    from zoo.spec.documents import parse_yaml
    from zoo.spec.resolve import apply_override, validate

    document: dict[str, Any] = {}
    if (folder / RECIPE).is_file():
        document = RunDirectory(folder).read_recipe().data.model_dump()
    if name is not None:
        named = parse_yaml(name, "--data") if name.lstrip().startswith("{") else {"name": name}
        if document and named.get("name", document["name"]) != document["name"]:
            # A model knows data that are prepared like its own.
            document = {field: document[field] for field in _PREPARATION}
        document |= named
    if not document:
        return None
    for override in overrides:
        # As in a recipe, too: there the fields stand under `data`.
        apply_override(document, override.removeprefix("data."))
    return validate(DataSpec, document, "data")


def same_data(first: DataSpec, second: DataSpec) -> bool:
    """Whether two specs are of the same data, prepared alike; where they lie does not matter."""
    place = {"root", "download", "workers"}
    return first.model_dump(exclude=place) == second.model_dump(exclude=place)


def split_of(data: Data, name: str) -> Split:
    """Return a split by name, or raise if the data have none of it."""
    from zoo.errors import DataError

    split: Split | None = getattr(data, name)
    if split is None:
        raise DataError(f"there is no {name} split", where="--split")
    return split
