"""Fitting a model to data in memory with one call."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.tracking import GeneralTracker
from pydantic import BaseModel
from torch.utils.data import DataLoader

from zoo.callbacks import Callback
from zoo.data import Data
from zoo.errors import InputError, RunError
from zoo.registry import find_source
from zoo.registry.inspection import describe_component
from zoo.runs.job import train
from zoo.runs.run import Run
from zoo.spec.model import ModelSpec
from zoo.spec.origin import field_keys
from zoo.spec.recipe import DataSpec, EvaluateSpec, Recipe
from zoo.spec.resolve import load_model_spec
from zoo.spec.training import TrainSpec
from zoo.tables.frames import is_frame
from zoo.training.progress import Reporter
from zoo.utils.arguments import Count, Seed, checked
from zoo.utils.text import portable_name

_SECTIONS = {"data": "data", "train": "training", "evaluate": "evaluation"}
_SCHEMAS: Mapping[str, type[BaseModel]] = {
    "data": DataSpec,
    "train": TrainSpec,
    "evaluate": EvaluateSpec,
    "model": ModelSpec,
}
_OWN_ARGUMENTS = {"name", "seed", "model", "data", "train", "evaluate"}
"""Fields of a recipe that :func:`fit` sets from its own arguments."""


@checked
def fit(
    x: Any,
    model: str | Mapping[str, Any] | ModelSpec = "vae-mlp-8d",
    y: Any = None,
    *,
    epochs: Count | None = None,
    batch_size: Count | None = None,
    seed: Seed = 0,
    data: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Mapping[str, Callback] | None = None,
    trackers: Sequence[GeneralTracker] = (),
    reporter: Reporter | None = None,
    quiet: bool = False,
    **fields: Any,
) -> Run:
    """Fit a model to data in memory: train it, evaluate the best epoch, and write everything into a run directory.

    Choose it in a notebook or a script; :func:`zoo.train` takes a whole recipe instead. The shape, range and scaling of
    the model follow from the data: bytes, and images of whole numbers from 0 to 255, are scaled to [0, 1]; numbers
    without a known range are standardised. A DataFrame is a table: each of its columns has its own likelihood, unless
    you choose one for all.

    Args:
        x: an array (N, D), (N, H, W) or (N, C, H, W), a tensor, a DataFrame, a data set or DataLoader of torch, a data
            set of Hugging Face, or a mapping of the names of splits to them; see :func:`zoo.load_data`.
        model: a preset, a mapping with the fields of a model, or a spec.
        y: labels (N,), whole numbers or strings; or the name of the column that contains them. Conditional models need
            them; for other models some metrics use them.
        epochs: passes over the training data; by default enough for about 3,000 steps, between 15 and 200.
        batch_size: examples in a batch; by default 128, or 32 for fewer than 2,000 training examples.
        seed: seed of initial weights, data order and noise.
        data: fields of a recipe's `data`, such as ``{"validation": 0.2, "scale": "none", "value_range": [0, 16]}``.
        training: fields of a recipe's `train`, such as ``{"optimizer": {"name": "adam", "lr": 2e-3}}``.
        evaluation: fields of a recipe's `evaluate`, such as ``{"metrics": ["elbo"], "figures": []}``.
        out: the run directory; by default ``runs/<preset>``, with a number appended if that directory exists.
        resume: continue the run in ``out``; start a new one if there is none.
        overwrite: replace the run in ``out``.
        callbacks: as for :func:`zoo.train`.
        trackers: as for :func:`zoo.train`.
        reporter: as for :func:`zoo.train`.
        quiet: show no progress.
        fields: fields of the model to set, as for :func:`zoo.build`: ``latent_dim=4``, ``likelihood="student_t"``; or
            of the recipe, such as ``init="runs/other"``, the model that training starts from.

    Raises:
        DataError: the form of the data is unknown, or the model cannot be trained on them.
        RecipeError: a field is wrong.
        ComponentError: a component or an option is unknown or wrong, or a component does not support the data.
        RunError: ``out`` contains another run.
        TrainingError: as for :func:`zoo.train`.

    Example:
        >>> import tempfile, torch, zoo
        >>> x = torch.randn(200, 5) @ torch.randn(5, 5)
        >>> options = {"latent_dim": 2, "epochs": 2, "evaluation": {"figures": []}}
        >>> run = zoo.fit(x, "vae-mlp-8d", **options, out=tempfile.mkdtemp(), quiet=True)
        >>> run.model.encode(run.model.preprocess(x[:3])).mean.shape
        torch.Size([3, 2])
    """
    if resume and out is None:
        raise RunError("expected the directory of the run to resume", where="out", remedy="For example: out='runs/x'.")
    of_recipe = {key: fields.pop(key) for key in [*fields] if key in Recipe.model_fields.keys() - _OWN_ARGUMENTS}
    document = _model_document(model, fields, is_table=is_frame(_train_split(x)))
    name = str(document.get("preset") or "fit")
    length = {"epochs": epochs, "batch_size": batch_size}
    train_fields = {**(training or {}), **{key: value for key, value in length.items() if value is not None}}
    recipe = {
        "name": name,
        "seed": seed,
        "model": document,
        "data": {"name": "memory", **(data or {})},
        "train": train_fields,
        "evaluate": dict(evaluation or {}),
        **of_recipe,
    }
    with _naming_keywords():
        return train(
            recipe,
            data=x if y is None else (x, y),
            out=out if out is not None else _free_directory(name),
            resume=resume,
            overwrite=overwrite,
            callbacks=callbacks,
            trackers=trackers,
            reporter=reporter,
            quiet=quiet,
        )


@contextlib.contextmanager
def _naming_keywords() -> Iterator[None]:
    """Make an error about a field of a recipe also say how the field is passed to :func:`fit`."""
    try:
        yield
    except InputError as error:
        keyword = _keyword(error.where or "") or _keyword_of_hint(error.remedy or "")
        if keyword:
            error.remedy = f"{error.remedy or ''} In zoo.fit: {keyword}.".lstrip()
        raise


def _keyword(where: str) -> str:
    """Return the argument of :func:`fit` for the place of an error; empty if the place is not a field of a recipe."""
    # The path of the field comes after the name of the recipe; the path of a file may look like one.
    keys = field_keys(where.rpartition(": ")[2])
    section, name = keys[:2] if len(keys) > 1 else ("data", *keys, "")[:2]  # a dataset names only its options
    if section not in _SCHEMAS or name not in _fields_of(str(section)):
        return ""
    if section in _SECTIONS:
        return f'{_SECTIONS[section]}={{"{name}": …}}'
    return "model=…" if name == "preset" else f"{name}=…"


def _keyword_of_hint(remedy: str) -> str:
    """Return the argument of :func:`fit` for the first field of a recipe that a hint names; empty if it names none."""
    hint = re.match(r"Did you mean '(train|data|evaluate)\.([a-z_.]+)'", remedy)
    if hint is None:
        return ""
    value = "…"
    for name in reversed(hint[2].split(".")):
        value = f'{{"{name}": {value}}}'
    return f"{_SECTIONS[hint[1]]}={value}"


def _fields_of(section: str) -> set[str]:
    """Return the fields of a section of a recipe for data in memory."""
    options = describe_component(find_source("dataset", "memory")).options if section == "data" else ()
    return {*_SCHEMAS[section].model_fields, *(option.name for option in options)}


def _model_document(
    model: str | Mapping[str, Any] | ModelSpec, fields: Mapping[str, Any], *, is_table: bool
) -> dict[str, Any]:
    """Return the fields of the model; for a table, a preset gets the likelihood ``columns``."""
    if isinstance(model, ModelSpec):
        return {**model.model_dump(exclude_unset=True), **fields}
    if not isinstance(model, str):
        return {**model, **fields}
    likelihood = {"likelihood": "columns"} if is_table and load_model_spec(model).likelihood is not None else {}
    return {"preset": model, **likelihood, **fields}


def _train_split(x: Any) -> Any:
    """Return the training examples of data in any form."""
    if isinstance(x, Mapping):
        x = next(iter(x.values()), None)
    if isinstance(x, tuple) and len(x) == 2:
        x = x[0]
    if isinstance(x, Data):
        return x.train
    return x.dataset if isinstance(x, DataLoader) else x


def _free_directory(name: str) -> Path:
    """Return a directory with this name, and a number appended if it exists."""
    name = portable_name(name)
    path, number = Path("runs") / name, 2
    while path.exists():
        path, number = Path("runs") / f"{name}-{number}", number + 1
    return path
