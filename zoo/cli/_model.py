"""Shared by commands that take a MODEL and data: finding the data, and preparing them as in training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli._reference import ModelDirectory

if TYPE_CHECKING:
    from zoo.data import Data, Split
    from zoo.datasets import Collection
    from zoo.evaluation.context import EvaluationContext
    from zoo.evaluation.evaluate import SplitName
    from zoo.model import Model
    from zoo.spec import DataSpec
    from zoo.spec.data_description import DataDescription

DATA_HELP = (
    "Dataset, by name or as {name: NAME, OPTION: VALUE}, prepared as in training and used whole.  "
    "[default: that of the recipe]"
)
SET_HELP = "Set a field of the data, such as root=DIR or binarise=threshold; repeatable."
SPLIT_HELP = "[default: test, or what there is; of files without splits, all examples]"

_SHARES = {"validation", "test", "subset", "split_seed"}
_READING = {"workers", "in_memory_limit_mb", "download"}
_PREPARATION = ("binarise", "scale", "pad", "resize", "fit")


@dataclass(frozen=True)
class ModelData:
    """The data that a model is evaluated on.

    Attributes:
        spec: the spec that they were loaded from.
        data: prepared as the model's training data were.
        split: the split that is evaluated.
        title: its name in records; ``all`` for data without splits.
        own_data: whether they are the data that the model was trained and tested on.
        note: a note for readers; empty if there is none.
    """

    spec: DataSpec
    data: Data
    split: SplitName
    title: str
    own_data: bool
    note: str = ""

    @property
    def own(self) -> bool:
        """Whether it is the split of the run's own evaluation and figures."""
        from zoo.evaluation.evaluate import final_split

        return self.own_data and self.split == final_split(self.data)

    @property
    def shown(self) -> Data | Split:
        """What is measured: a split alone where the other examples are not those that the model was trained on."""
        return self.data.train if self.title == "all" else self.data

    def context(self, model: Model, **options: Any) -> EvaluationContext:
        """Return the model with the split to evaluate, after checking that they fit together."""
        from zoo.evaluation.evaluate import evaluation_context

        return evaluation_context(model, self.shown, self.split, **options)

    @property
    def heading(self) -> str:
        """The heading of a table."""
        return f"all of {self.spec.name}" if self.title == "all" else f"{self.title} split of {self.spec.name}"


class DataCache:
    """Data that are read once and shared by several models."""

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}
        self._prepared: dict[str, Data] = {}

    def collection(self, spec: DataSpec, like: DataDescription | None) -> Collection:
        """Return the data as they are stored, read by what a model knows of its data."""
        from zoo.data.collecting import collect

        key = spec.model_dump_json(exclude={"scale", "binarise", "pad", *_SHARES, *_READING})
        key += "" if like is None else like.model_dump_json(include={"columns", "label"})
        if key not in self._collections:
            self._collections[key] = collect(spec, like=like)
        return self._collections[key]

    def prepared(self, spec: DataSpec, like: DataDescription | None, *, whole: bool = False) -> Data:
        """Return the data as the training data of a model were prepared."""
        from zoo.data.preparing import prepare

        key = f"{spec.model_dump_json(exclude=_READING)} {like.model_dump_json() if like else ''} {whole}"
        if key not in self._prepared:
            self._prepared[key] = prepare(self.collection(spec, like), spec, like=like, whole=whole)
        return self._prepared[key]


def open_data(
    folder: ModelDirectory,
    model: Model,
    dataset: str | None,
    overrides: Sequence[str],
    split: SplitName | None = None,
    cache: DataCache | None = None,
) -> ModelData:
    """Load the data that are named, or those of the run's recipe, and prepare them as the model's training data were.

    Data with the same content as the run's own are split as in training, wherever they are stored. Other data are used
    as they are, and no statistics are computed from them.

    Args:
        dataset: the option ``--data``.
        overrides: the options ``--set``.
        split: the option ``--split``.
        cache: keeps what is read, for several models.

    Raises:
        DataError: no data are named, or they do not fit the model.
    """
    from zoo.data.as_trained import as_in_training

    cache = cache or DataCache()
    known, recipe = model.data, _recipe_data(folder)
    named = dataset is not None or bool(overrides)
    spec, stated = _spec(folder, recipe, known, dataset, overrides)
    if named and recipe is not None and not known.is_known:
        known = _learned_again(recipe, folder, known)
    if not known.is_known:
        own = not named or (recipe is not None and _same(spec, recipe))
        return _cut(spec, cache.prepared(spec, None), split, own=own)
    trained = as_in_training(_as_split_in_training(spec, known), known)
    spec = as_in_training(spec, known)
    data = _own(cache, trained, known)
    if data is not None and _same_preparation(spec, trained):
        return _cut(spec, data, split, own=True)
    if data is not None or stated & _SHARES:
        return _cut(spec, cache.prepared(spec, known), split, own=False)
    if not named:
        note = "The data are not those that the model was trained on: their content differs."
        return _cut(spec, cache.prepared(spec, known), split, own=False, note=note)
    return _whole(spec, cache.prepared(spec, known, whole=True), split)


def open_whole(
    folder: ModelDirectory, model: Model, dataset: str | None, overrides: Sequence[str]
) -> tuple[DataSpec, Data]:
    """Load data that are named, and prepare every example of them as the model's training data were.

    Unlike :func:`open_data` it cuts no splits, and does not ask whether the model was trained on the data.

    Raises:
        DataError: no data are named, or they do not fit the model.
    """
    from zoo.data.as_trained import as_in_training

    known, recipe = model.data, _recipe_data(folder)
    spec, _ = _spec(folder, recipe, known, dataset, overrides)
    if recipe is not None and not known.is_known:
        known = _learned_again(recipe, folder, known)
    if known.is_known:
        spec = as_in_training(spec, known)
    return spec, DataCache().prepared(spec, known if known.is_known else None, whole=True)


def place_of_results(folder: ModelDirectory, name: str, out: Path | None, data: ModelData) -> Path:
    """Return where results go: ``--out``, or the run for results on its own data, or the working directory.

    Raises:
        InputError: results of other data would be put into the run.
    """
    from zoo.errors import InputError

    path = out or (folder.for_results if data.own else Path()) / name
    kept_apart = not data.own_data if out else not data.own
    if kept_apart and folder.holds(path):
        raise InputError(
            f"{path} is inside the run, which only holds results on its own data",
            where="--out" if out else folder,
            remedy="Choose a place outside the run with --out.",
        )
    if out is None and folder.own and name and path.is_symlink():  # the whole directory may be a link
        problem = f"it is a link to {os.readlink(path)!r}, and nothing is written through a link"  # noqa: PTH115
        raise InputError(problem, where=str(path), remedy="Name the place itself with --out.")
    return path


def _recipe_data(folder: str) -> DataSpec | None:
    from zoo.runs.directory import RECIPE, RunDirectory

    return RunDirectory(folder).read_recipe().data if (Path(folder) / RECIPE).is_file() else None


def _spec(
    folder: str, recipe: DataSpec | None, known: DataDescription, dataset: str | None, overrides: Sequence[str]
) -> tuple[DataSpec, set[str]]:
    """Return the spec of the data, and the fields that were stated on the command line."""
    from zoo.errors import DataError
    from zoo.spec import DataSpec
    from zoo.spec.documents import parse_yaml
    from zoo.spec.resolve import apply_override, validate

    document: dict[str, Any] = {} if recipe is None else recipe.model_dump()
    stated: set[str] = set()
    if dataset is not None:
        named = parse_yaml(dataset, "--data") if dataset.lstrip().startswith("{") else _named(dataset)
        stated |= set(named) if isinstance(named, Mapping) else set()
        if document and named.get("name", document["name"]) != document["name"]:
            document = {} if known.is_known else {field: document[field] for field in _PREPARATION}
        document |= named
    if not document:
        raise DataError(
            "no data are named, and the model has no recipe.yaml",
            where=folder,
            remedy="Name a dataset: --data digits",
        )
    for override in overrides:
        # As in a recipe, where the fields are under `data`.
        field = override.removeprefix("data.")
        stated.add(field.partition("=")[0].strip())
        apply_override(document, field)
    return validate(DataSpec, document, "data"), stated


def _named(dataset: str) -> dict[str, Any]:
    """Return the dataset of this name, or that reads a file or folder of this name.

    Raises:
        InputError: it looks like a path, and nothing reads it.
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


def _learned_again(recipe: DataSpec, folder: str, known: DataDescription) -> DataDescription:
    """Return the description of the training data of a run of version 0.1, which did not keep it."""
    from zoo.data import load_data
    from zoo.errors import DataError, ZooError

    try:
        return load_data(recipe).info.description or known
    except ZooError as error:
        if recipe.scale != "standardise":
            return known
        raise DataError(
            "the checkpoint was written by version 0.1 and does not hold the means and deviations of its training "
            f"data, and these cannot be read again ({error.problem})",
            where=folder,
            remedy="Put the training data where recipe.yaml says, or train the model again.",
        ) from error


def _as_split_in_training(spec: DataSpec, known: DataDescription) -> DataSpec:
    """Return the spec that the model was trained on, if the data are those that it was trained on."""
    kept = spec.model_dump(exclude={*_SHARES, *_PREPARATION}, exclude_unset=True)
    return type(spec).model_validate({**kept, **known.splitting.model_dump()})


def _own(cache: DataCache, trained: DataSpec, known: DataDescription) -> Data | None:
    """Return the data split as in training if they are, by their content, those that the model was trained on."""
    from zoo.data.splitting import divide
    from zoo.errors import DataError

    sizes = {name: len(stored) for name, stored in cache.collection(trained, known).splits.items()}
    try:
        counts = {name: len(part.positions) for name, part in divide(sizes, trained).items()}
        if counts != {name: split.examples for name, split in known.splits.items()}:
            return None
        data = cache.prepared(trained, known)
    except DataError:  # others may be too few to be split, or have values that cannot be prepared
        return None
    found = {"train": data.train, "validation": data.validation, "test": data.test}
    digests = {name: split.digest() for name, split in found.items() if split is not None}
    return data if digests == {name: split.digest for name, split in known.splits.items()} else None


def _same_preparation(spec: DataSpec, trained: DataSpec) -> bool:
    fields = (*_SHARES, *_PREPARATION)
    return all(getattr(spec, field) == getattr(trained, field) for field in fields)


def _same(first: DataSpec, second: DataSpec) -> bool:
    return first.model_dump(exclude=_READING) == second.model_dump(exclude=_READING)


def _cut(spec: DataSpec, data: Data, split: SplitName | None, *, own: bool, note: str = "") -> ModelData:
    from zoo.evaluation.evaluate import final_split

    chosen = split or final_split(data)
    return ModelData(spec, data, chosen, chosen, own, note)


def _whole(spec: DataSpec, data: Data, split: SplitName | None) -> ModelData:
    if data.validation is None and data.test is None:
        return ModelData(spec, data, "train", "all", own_data=False)
    return _cut(spec, data, split, own=False)
