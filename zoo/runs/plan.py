"""Resolution of a recipe before training: its data are loaded, its model is built, every default is filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data import Data, load_data
from zoo.data.loading import load_given
from zoo.errors import RecipeError, RunError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split
from zoo.model import Model
from zoo.model.assembly import assemble, resolve_components
from zoo.model.wiring import asked_for
from zoo.registry import find_component
from zoo.report.gallery import choose_figures
from zoo.runs.changes import Change, is_changeable, is_requested, read_changes
from zoo.runs.data_fit import check_data, fit_to_data, notes_on
from zoo.runs.directory import RECIPE
from zoo.runs.initial import Locate, directory_of_model, freeze, read_initial
from zoo.runs.run_data import Splits, check_same_data
from zoo.spec.documents import flat_document
from zoo.spec.options import check_options
from zoo.spec.recipe import DataSpec, Recipe
from zoo.spec.training import TrainSpec
from zoo.training.devices import check_trackers, resolve_device
from zoo.training.prior_fit import PriorFit, check_can_be_fitted, fit_spec
from zoo.training.resolve import resolve_training
from zoo.utils.seeds import seeded
from zoo.utils.text import setting_text

_MAY_DIFFER = (
    *("train.epochs", "train.step", "train.device", "train.checkpoint_every", "train.trackers", "train.callbacks."),
    *("train.keep_", "data.workers", "data.in_memory_limit_mb", "data.download", "evaluate."),
)
"""Fields that may differ in a resumed run, because they do not affect the training so far."""
_FIELDS_SHOWN = 3
"""The largest number of different fields in a message."""


@dataclass(frozen=True)
class Plan:
    """A recipe with every default, with its data and its model.

    Attributes:
        model: the model with initial weights, without the prior that is fitted after training.
        noise: the state of torch's generator after the initial weights were drawn, with which training starts.
        notes: notes on the model and the data, for readers of the metrics.
    """

    recipe: Recipe
    data: Data
    model: Model
    noise: Tensor
    notes: list[str] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return self.recipe.train.for_examples(len(self.data.train)).epochs

    @property
    def has_schedule(self) -> bool:
        """Whether a learning rate depends on the length of the run."""
        train = self.recipe.train
        schedules = (train.schedule, *(turn.schedule for turn in train.turns.values()))
        return any(schedule is not None and schedule.name != "constant" for schedule in schedules)

    @property
    def splits(self) -> Splits:
        """The splits of the data, with their sizes and digests."""
        data = self.recipe.model.data
        return {str(name): split for name, split in data.splits.items()} if data else {}

    def check_same(
        self, other: Recipe, where: str, splits: Splits | None = None, changes: Sequence[str] = ()
    ) -> tuple[list[Change], list[Change]]:
        """Check that a run of another recipe can continue with this plan.

        Fields that do not affect the training so far may differ: the number of epochs, the evaluation, and where and
        how the data are read.

        Args:
            other: the recipe of the run.
            where: the directory of the run.
            splits: the data that the run was started with; None if they were not recorded.
            changes: the fields that the user asked to change, as ``KEY=VALUE``.

        Returns:
            The changes that the user asked for, and other differences, which do not affect the training so far.

        Raises:
            RunError: other fields differ, or the data do.
        """
        if splits is not None:
            check_same_data(splits, self.splits)
        ours, theirs = flat_fields(self.recipe), flat_fields(self._completed(other))
        different = [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]
        free = [key for key in different if key.startswith(_MAY_DIFFER)]
        different = [key for key in different if key not in free and not key.endswith("description")]
        if splits is not None:
            # The same examples may come from another place, or from a file with other names for them.
            different = [key for key in different if not _is_dataset_option(key)]
        chosen = [key for key in different if is_requested(key, changes)]
        different = [key for key in different if key not in chosen]
        if different:
            raise _other_recipe(different, theirs, ours, where)

        def changed(keys: Sequence[str]) -> list[Change]:
            return [Change(key, theirs.get(key), ours.get(key)) for key in keys]

        return changed(chosen), changed(free)

    def _completed(self, recipe: Recipe) -> Recipe:
        """Return the recipe of a run with the defaults of options that an older version did not have."""
        model, ours = resolve_components(recipe.model), self.recipe.model
        if model.data is None:
            model = model.model_copy(update={"data": ours.data})
        for known in ("train_examples", "mask_input"):
            if getattr(model, known) is None:
                model = model.model_copy(update={known: getattr(ours, known)})
        changes = {
            "model": model,
            "data": _with_options(recipe.data if self.recipe.init else _with_scale(recipe.data, self.data)),
            "train": resolve_training(recipe.train, self.model),
        }
        return recipe.model_copy(update=changes)


def make_plan(
    recipe: Recipe, note: Callable[[str], None], given: Any = None, locate: Locate = directory_of_model
) -> Plan:
    """Load the data, build the model for them, and check every option of the recipe.

    Args:
        note: shows messages.
        given: data in memory, in place of those that the recipe names.
        locate: returns the directory of the model that a run starts from.

    Raises:
        RecipeError, ComponentError, DataError: a field is wrong, or parts of the recipe do not fit together.
    """
    resolve_device(recipe.train.device)
    check_trackers(recipe.train.trackers)
    initial = read_initial(recipe, locate)
    known = initial.known if initial else None
    if given is None:
        data, data_spec = load_data(recipe.data, note=note, like=known), recipe.data
    else:
        data, data_spec = load_given(given, recipe.data, note=note, like=known)
    if initial is not None:
        data = initial.describe(data, conditional=recipe.model.classes is not None)
    spec = fit_to_data(recipe.model, data)
    if asked_for(spec, "train_examples"):
        spec = spec.model_copy(update={"train_examples": len(data.train)})
    with seeded(recipe.seed):
        model = assemble(spec.model_copy(update={"fitted_prior": None})).eval()
        noise = torch.get_rng_state()
    if initial is not None:
        initial.copy_weights_to(model, recipe.reinitialise)
    freeze(model, recipe)
    check_data(model, data)
    # Built now, so that a fitted prior that cannot work is refused before training and not after it.
    finished = assemble(spec).eval() if spec.fitted_prior is not None else model
    if finished.has("fitted_prior"):
        check_can_be_fitted(finished)
    context = evaluation_context(finished, data, final_split(data))
    choose_metrics(context, recipe.evaluate.metrics, "evaluate.metrics")
    choose_figures(recipe.evaluate.figures, "evaluate.figures")
    resolved = recipe.model_copy(
        update={
            "model": finished.spec,
            "data": _with_options(data_spec if initial else _with_scale(data_spec, data)),
            "train": resolve_training(recipe.train, model).for_examples(len(data.train)),
            "fit": _resolved_fit(recipe, finished, len(data.train)),
            "init": None if initial is None else initial.resolved,
        }
    )
    notes = notes_on(model, data)
    for text in notes:
        note(f"Note: {text}")
    return Plan(resolved, data, model, noise, notes)


def _resolved_fit(recipe: Recipe, model: Model, examples: int) -> TrainSpec | None:
    if recipe.fit is None:
        return None
    if not model.has("fitted_prior"):
        raise RecipeError(
            "`fit` has no effect: the model has no prior that is fitted after training",
            where="fit",
            remedy="Add `model.fitted_prior: NAME`, or leave `fit` out.",
        )
    spec = fit_spec(recipe.train, recipe.fit, model.fitted_prior, examples)
    return resolve_training(spec, PriorFit(model), "fit").for_examples(examples)


def _other_recipe(different: Sequence[str], theirs: Mapping[str, Any], ours: Mapping[str, Any], where: str) -> RunError:
    """Return the error for a run whose recipe has other values in some fields; it names the first few."""

    def text(fields: Mapping[str, Any], key: str) -> str:
        return setting_text(fields[key]) if key in fields else "not set"

    recorded = {change.field for change in read_changes(Path(where))}
    different = sorted(different, key=lambda key: key not in recorded)
    shown = [f"{key} was {text(theirs, key)}, is {text(ours, key)}" for key in different[:_FIELDS_SHOWN]]
    more = len(different) - len(shown)
    earlier, by_choice = ([key for key in different if found(key)] for found in (recorded.__contains__, is_changeable))
    remedy = (
        "Repeat the settings that the run was started with, such as every --set; or resume it with its own "
        "recipe.yaml, which contains them; or choose another --out."
    )
    if earlier:
        names, were = ", ".join(earlier[:_FIELDS_SHOWN]), "was" if len(earlier) == 1 else "were"
        others = " Repeat the other settings of the first start, too." if len(earlier) < len(different) else ""
        remedy = (
            f"{names} {were} changed when the run was resumed: resume it with its own {Path(where) / RECIPE}, which "
            f"contains the new value, or repeat that: --set {earlier[0]}={text(theirs, earlier[0])}.{others}"
        )
    if by_choice:
        remedy += f" To continue with the value of this recipe: --change {by_choice[0]}=…"
    return RunError(
        f"the existing run has another recipe: {'; '.join(shown)}{f'; and {more} more' if more else ''}",
        where=where,
        remedy=remedy,
    )


def _is_dataset_option(key: str) -> bool:
    section, _, field = key.partition(".")
    return section == "data" and re.split(r"[.\[]", field)[0] not in DataSpec.model_fields


def _with_scale(spec: DataSpec, data: Data) -> DataSpec:
    """Return the spec with the scaling that was used, if it states none."""
    description = data.info.description
    is_table = description is not None and bool(description.columns)
    return spec.model_copy(update={"scale": spec.scale_for(table=is_table)})


def _with_options(spec: DataSpec) -> DataSpec:
    options = check_options(find_component("dataset", spec.name, "data"), spec.options, "data")
    return DataSpec.model_validate({**spec.model_dump(), **options})


def with_length_from(recipe: Recipe, before: Recipe) -> Recipe:
    """Return a recipe with the numbers of epochs and the batch sizes of an earlier run, where it does not set them."""
    fit = recipe.fit.with_length_from(before.fit) if recipe.fit is not None and before.fit is not None else recipe.fit
    return recipe.model_copy(update={"train": recipe.train.with_length_from(before.train), "fit": fit})


def flat_fields(recipe: Recipe) -> dict[str, Any]:
    """Return every field of a recipe by its path, such as ``train.epochs``."""
    return flat_document(recipe.to_dict())
