"""Shared by commands that take a MODEL and data: loading the data, and preparing them as in training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli._data_spec import PREPARATION, data_spec, recipe_data
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
    "Dataset, by name or as {name: NAME, OPTION: VALUE}; it is prepared as in training, and all examples are used, but "
    "of the run's own data its splits.  [default: that of the recipe]"
)
SET_HELP = "Set a field of the data, such as root=DIR or binarise=threshold; repeatable."
SPLIT_HELP = "[default: test, if there is one; for files without splits, all examples]"

_SHARES = {"validation", "test", "subset", "split_seed"}
_READING = {"workers", "in_memory_limit_mb", "download"}


@dataclass(frozen=True)
class ModelData:
    """The data that a model is evaluated on.

    Attributes:
        spec: the spec that they were loaded from.
        data: the data, prepared like the model's training data.
        split: the split to evaluate.
        title: its name in records; ``all`` for data without splits.
        is_training_data: whether the model was trained and tested on these data.
        note: a note for readers; empty if there is none.
    """

    spec: DataSpec
    data: Data
    split: SplitName
    title: str
    is_training_data: bool
    note: str = ""

    @property
    def is_run_split(self) -> bool:
        """Whether it is the split that the run itself evaluates."""
        from zoo.evaluation.evaluate import final_split

        return self.is_training_data and self.split == final_split(self.data)

    @property
    def measured(self) -> Data | Split:
        """The data for metrics; only the split if there are no others."""
        return self.data.train if self.title == "all" else self.data

    def context(self, model: Model, **options: Any) -> EvaluationContext:
        """Return the model with the split to evaluate, after checking that they fit together."""
        from zoo.evaluation.evaluate import evaluation_context

        return evaluation_context(model, self.measured, self.split, **options)

    @property
    def heading(self) -> str:
        """The heading of a table."""
        return f"all of {self.spec.name}" if self.title == "all" else f"{self.title} split of {self.spec.name}"


class DataCache:
    """Keeps data that several models use, so that they are read once."""

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}
        self._prepared: dict[str, Data] = {}

    def collection(self, spec: DataSpec, like: DataDescription | None) -> Collection:
        """Return the stored data, read with the columns and the label column of the model's data."""
        from zoo.data.collecting import collect

        key = spec.model_dump_json(exclude={"scale", "binarise", "pad", *_SHARES, *_READING})
        key += "" if like is None else like.model_dump_json(include={"columns", "label"})
        if key not in self._collections:
            self._collections[key] = collect(spec, like=like)
        return self._collections[key]

    def prepared(self, spec: DataSpec, like: DataDescription | None, *, whole: bool = False) -> Data:
        """Return the data, prepared like the training data of a model."""
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
    """Load the data that the user names, or those of the run's recipe, and prepare them like the training data.

    Data with the same content as the training data are split as in training, wherever they are stored. Of other data
    all examples are used, and no statistics are computed from them.

    Args:
        dataset: the option ``--data``.
        overrides: the options ``--set``.
        split: the option ``--split``.
        cache: keeps the data that are read, for several models.

    Raises:
        DataError: no data are named, or they are not what the model needs.
    """
    from zoo.data.as_trained import as_in_training

    cache = cache or DataCache()
    known, recipe = model.data, recipe_data(folder)
    named = dataset is not None or bool(overrides)
    spec, stated = data_spec(folder, recipe, known, dataset, overrides)
    if named and recipe is not None and not known.is_known:
        known = _description_of_training_data(recipe, folder, known)
    if not known.is_known:
        own = not named or (recipe is not None and _equal(spec, recipe))
        return _with_split(spec, cache.prepared(spec, None), split, own=own)
    trained = as_in_training(_as_split_in_training(spec, known), known)
    spec = as_in_training(spec, known)
    data = _as_training_data(cache, trained, known)
    if data is not None and _same_preparation(spec, trained):
        return _with_split(spec, data, split, own=True)
    if data is not None or stated & _SHARES:
        return _with_split(spec, cache.prepared(spec, known), split, own=False)
    if not named:
        note = "The data differ from those that the model was trained on."
        return _with_split(spec, cache.prepared(spec, known), split, own=False, note=note)
    return _without_splits(spec, cache.prepared(spec, known, whole=True), split)


def open_whole(
    folder: ModelDirectory, model: Model, dataset: str | None, overrides: Sequence[str]
) -> tuple[DataSpec, Data]:
    """Load the data that the user names, and prepare all examples like the model's training data.

    Unlike :func:`open_data`, it makes no splits, and does not check whether the model was trained on the data.

    Raises:
        DataError: no data are named, or they are not what the model needs.
    """
    from zoo.data.as_trained import as_in_training

    known, recipe = model.data, recipe_data(folder)
    spec, _ = data_spec(folder, recipe, known, dataset, overrides)
    if recipe is not None and not known.is_known:
        known = _description_of_training_data(recipe, folder, known)
    if known.is_known:
        spec = as_in_training(spec, known)
    return spec, DataCache().prepared(spec, known if known.is_known else None, whole=True)


def path_of_results(folder: ModelDirectory, name: str, out: Path | None, data: ModelData) -> Path:
    """Return the path for results: ``--out``; by default in the run for its own split, else in the working directory.

    Raises:
        InputError: ``--out`` is in the run, but the results are of other data.
    """
    from zoo.errors import InputError

    path = out or (folder.for_results if data.is_run_split else Path()) / name
    kept_apart = not data.is_training_data if out else not data.is_run_split
    if kept_apart and folder.contains(path):
        raise InputError(
            f"{path} is inside the run directory, which is only for results on the run's own data",
            where="--out" if out else folder,
            remedy="Choose a path outside the run directory with --out.",
        )
    if out is None and folder.is_writable and name and path.is_symlink():  # the whole directory may be a link
        problem = f"expected no link, got one to {os.readlink(path)!r}; runs are never written through links"  # noqa: PTH115
        raise InputError(problem, where=str(path), remedy="Name the target with --out.")
    return path


def _description_of_training_data(recipe: DataSpec, folder: str, known: DataDescription) -> DataDescription:
    """Return the description of a run's training data, which checkpoints of version 0.1 do not contain."""
    from zoo.data import load_data
    from zoo.errors import DataError, ZooError

    try:
        return load_data(recipe).info.description or known
    except ZooError as error:
        if recipe.scale != "standardise":
            return known
        raise DataError(
            "the checkpoint was written by version 0.1 and does not contain the means and standard deviations of its "
            f"training data, and the data cannot be read ({error.problem})",
            where=folder,
            remedy="Put the training data where recipe.yaml expects them, or train the model again.",
        ) from error


def _as_split_in_training(spec: DataSpec, known: DataDescription) -> DataSpec:
    """Return the spec with the splitting of the training data."""
    kept = spec.model_dump(exclude={*_SHARES, *PREPARATION}, exclude_unset=True)
    return type(spec).model_validate({**kept, **known.splitting.model_dump()})


def _as_training_data(cache: DataCache, trained: DataSpec, known: DataDescription) -> Data | None:
    """Return the data, split as in training, if their content is that of the training data; else None."""
    from zoo.data.splitting import divide
    from zoo.errors import DataError

    sizes = {name: len(stored) for name, stored in cache.collection(trained, known).splits.items()}
    try:
        counts = {name: len(part.positions) for name, part in divide(sizes, trained).items()}
        if counts != {name: split.examples for name, split in known.splits.items()}:
            return None
        data = cache.prepared(trained, known)
    except DataError:  # other data may have too few examples for the splits, or values that cannot be prepared
        return None
    found = {"train": data.train, "validation": data.validation, "test": data.test}
    digests = {name: split.digest() for name, split in found.items() if split is not None}
    return data if digests == {name: split.digest for name, split in known.splits.items()} else None


def _same_preparation(spec: DataSpec, trained: DataSpec) -> bool:
    fields = (*_SHARES, *PREPARATION)
    return all(getattr(spec, field) == getattr(trained, field) for field in fields)


def _equal(first: DataSpec, second: DataSpec) -> bool:
    return first.model_dump(exclude=_READING) == second.model_dump(exclude=_READING)


def _with_split(spec: DataSpec, data: Data, split: SplitName | None, *, own: bool, note: str = "") -> ModelData:
    from zoo.evaluation.evaluate import final_split

    chosen = split or final_split(data)
    return ModelData(spec, data, chosen, chosen, own, note)


def _without_splits(spec: DataSpec, data: Data, split: SplitName | None) -> ModelData:
    if data.validation is None and data.test is None:
        return ModelData(spec, data, "train", "all", is_training_data=False)
    return _with_split(spec, data, split, own=False)
