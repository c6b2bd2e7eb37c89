"""What a recipe comes to: its data are loaded, its model checked, every default written down, before any work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zoo.data import Data, DataInfo, load_data
from zoo.errors import DataError, RecipeError, RunError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.registry import find_component
from zoo.report.gallery import choose_figures
from zoo.spec.model import ModelSpec
from zoo.spec.options import check_options
from zoo.spec.recipe import DataSpec, Recipe
from zoo.training.devices import check_trackers, resolve_device
from zoo.training.optimizers import check_optimizer

_MAY_DIFFER = ("train.epochs", "train.step", "evaluate.")
"""What does not change the training that was done."""
_LOOK_AT = 128


@dataclass(frozen=True)
class Plan:
    """A recipe with every default, its data, and what a reader of its figures should know."""

    recipe: Recipe
    data: Data
    notes: list[str] = field(default_factory=list)

    def check_same(self, other: Recipe, where: str) -> None:
        """Refuse to resume a run of another recipe; the number of epochs may differ, and what is measured in the end.

        Raises:
            RunError: names the fields that differ.
        """
        ours, theirs = flat_fields(self.recipe), flat_fields(other)
        different = [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]
        different = [key for key in different if not key.startswith(_MAY_DIFFER) and not key.endswith("description")]
        if different:
            key = different[0]
            raise RunError(
                f"the run there was made with another recipe: {key} is {theirs.get(key)!r} there, "
                f"{ours.get(key)!r} here" + (f" ({len(different)} fields differ)" if len(different) > 1 else ""),
                where=where,
                remedy="Resume it with its own recipe.yaml, or choose another --out.",
            )


def make_plan(recipe: Recipe, note: Callable[[str], None]) -> Plan:
    """Load the data, fit the model to them, and check every option of the recipe.

    Raises:
        RecipeError, ComponentError, DataError: something in the recipe cannot work.
    """
    resolve_device(recipe.train.device)
    check_trackers(recipe.train.trackers)
    optimizer = check_optimizer(recipe.train.optimizer)
    data = load_data(recipe.data, note=note)
    model = assemble(fit_to_data(recipe.model, data.info))
    _check_data(model, data)
    # What would otherwise be refused only when training is over.
    context = evaluation_context(model, data, final_split(data))
    choose_metrics(context, recipe.evaluate.metrics, "evaluate.metrics")
    choose_figures(recipe.evaluate.figures, "evaluate.figures")
    resolved = recipe.model_copy(
        update={
            "model": model.spec,
            "data": _with_options(recipe.data),
            "train": recipe.train.model_copy(update={"optimizer": optimizer}),
        }
    )
    notes = _notes(model, data.info)
    for text in notes:
        note(f"Note: {text}")
    return Plan(resolved, data, notes)


def fit_to_data(spec: ModelSpec, info: DataInfo) -> ModelSpec:
    """Return the spec with the shape and range of the data, which it may state but not contradict."""
    if spec.data_shape is not None and spec.data_shape != info.data_shape:
        raise RecipeError(
            f"{list(spec.data_shape)} is stated, but {info.name} has examples of shape {list(info.data_shape)}",
            where="model.data_shape",
            remedy="Leave it out: the data say it.",
        )
    return spec.model_copy(update={"data_shape": info.data_shape, "data_range": info.data_range})


def _check_data(model: Model, data: Data) -> None:
    model.objective.check_data(model, data.train.examples(_LOOK_AT), data.info.data_range)
    if model.classes is None:
        return
    labels = data.train.labels
    if labels is None:
        raise DataError(
            f"the model is conditional on {model.classes} classes, but {data.info.name} has no labels",
            where="model.classes",
            remedy="Leave `classes` out, or use data with labels.",
        )
    if int(labels.max()) >= model.classes:
        raise DataError(
            f"{model.classes} is stated, but the data have labels up to {int(labels.max())}",
            where="model.classes",
            remedy=f"Use `classes: {int(labels.max()) + 1}`.",
        )


def _with_options(spec: DataSpec) -> DataSpec:
    options = check_options(find_component("dataset", spec.name, "data"), spec.options, "data")
    return DataSpec.model_validate({**spec.model_dump(), **options})


def _notes(model: Model, info: DataInfo) -> list[str]:
    if info.grey and model.spec.likelihood is not None and model.spec.likelihood.name == "bernoulli":
        return [
            "greyscale pixels under a Bernoulli likelihood: the figures in nats are cross-entropies, "
            "and compare only with others of that kind (`data.binarise` makes pixels binary)."
        ]
    return []


def flat_fields(recipe: Recipe) -> dict[str, Any]:
    """Return every field of a recipe by its path, such as ``train.epochs``."""
    return _flat(recipe.to_dict())


def _flat(document: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(document, dict):
        return {path: document}
    return {
        key: value
        for name, child in document.items()
        for key, value in _flat(child, f"{path}.{name}" if path else name).items()
    }
