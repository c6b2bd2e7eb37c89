"""What a recipe comes to: its data are loaded, its model checked, every default written down, before any work."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zoo.data import Data, load_data
from zoo.errors import RunError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split
from zoo.model.assembly import assemble
from zoo.registry import find_component
from zoo.report.gallery import choose_figures
from zoo.runs.data_fit import check_data, fit_to_data, notes_on
from zoo.runs.run_data import Splits, check_same_data
from zoo.spec.options import check_options
from zoo.spec.recipe import DataSpec, Recipe
from zoo.training.devices import check_trackers, resolve_device
from zoo.training.optimizers import check_optimizer

_MAY_DIFFER = (
    *("train.epochs", "train.step", "train.device", "train.checkpoint_every", "train.trackers"),
    *("data.workers", "data.in_memory_limit_mb", "data.download", "evaluate."),
)
"""What does not change the training that was done."""


@dataclass(frozen=True)
class Plan:
    """A recipe with every default, its data, and what a reader of its figures should know."""

    recipe: Recipe
    data: Data
    notes: list[str] = field(default_factory=list)

    @property
    def splits(self) -> Splits:
        """The splits of the data with what identifies them."""
        data = self.recipe.model.data
        return {str(name): split for name, split in data.splits.items()} if data else {}

    def check_same(self, other: Recipe, where: str, splits: Splits | None = None) -> None:
        """Refuse to resume a run of another recipe, or on other data.

        What cannot change the training so far may differ: the number of epochs, what is measured in the end, where the
        data lie and how they are read.

        Args:
            splits: the data that the run was begun with; None where that was not recorded.

        Raises:
            RunError: names the fields that differ, or the splits.
        """
        if splits is not None:
            check_same_data(splits, self.splits)
        ours, theirs = flat_fields(self.recipe), flat_fields(other)
        different = [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]
        different = [key for key in different if not key.startswith(_MAY_DIFFER) and not key.endswith("description")]
        if splits is not None:
            # The same examples may come from another place, or from a file that calls them otherwise.
            different = [key for key in different if not _is_dataset_option(key)]
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
    model = assemble(fit_to_data(recipe.model, data))
    check_data(model, data)
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
    notes = notes_on(model, data)
    for text in notes:
        note(f"Note: {text}")
    return Plan(resolved, data, notes)


def _is_dataset_option(key: str) -> bool:
    section, _, field = key.partition(".")
    return section == "data" and re.split(r"[.\[]", field)[0] not in DataSpec.model_fields


def _with_options(spec: DataSpec) -> DataSpec:
    options = check_options(find_component("dataset", spec.name, "data"), spec.options, "data")
    return DataSpec.model_validate({**spec.model_dump(), **options})


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
