"""Checks before a sweep starts training: every value of every field, and the metric to rank by."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from zoo.data.in_memory import as_memory
from zoo.errors import InputError, ZooError, unknown_name, why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split
from zoo.evaluation.measurement import FITTED, PRIOR, Measurement, Result
from zoo.evaluation.sampling import check_source
from zoo.registry import usable_components
from zoo.runs.initial import Locate, import_components, spec_of_model
from zoo.runs.plan import Plan, make_plan
from zoo.spec.recipe import Recipe
from zoo.spec.recipe_files import origin_of
from zoo.spec.resolve import load_recipe
from zoo.sweeps.axes import Axes, Choice, one_at_a_time
from zoo.sweeps.spec import MetricSpec
from zoo.utils.seeds import seeded


class Recipes:
    """Creates the recipe of each run of a sweep.

    Args:
        recipe: a name, a path, or a recipe's content.
        overrides: fields that are set in all runs.
        keys: the varied fields.
        data: data in memory, in place of those that the recipe names.
        locate: returns the directory of the model that the recipe's ``init`` names.
    """

    def __init__(
        self,
        recipe: str | Path | Mapping[str, Any] | Recipe,
        overrides: Sequence[str],
        keys: Sequence[str],
        data: Any,
        locate: Locate,
    ) -> None:
        self._recipe, self._overrides, self._keys = recipe, tuple(overrides), tuple(keys)
        self._data, self._locate = data, locate

    def make(self, choice: Choice, seed: int | None = None) -> Recipe:
        """Return the recipe of a run.

        Raises:
            RecipeError: a field is wrong; the message names the value of the grid.
        """
        overrides = self._all(choice, seed)
        with self._named():
            import_components(self._recipe, overrides)
            return load_recipe(
                self._recipe,
                overrides,
                data=None if self._data is None else as_memory,
                spec_of=lambda name: spec_of_model(name, self._locate),
            )

    def plan(self, choice: Choice, note: Callable[[str], None]) -> Plan:
        """Return the plan of a run: its data are loaded and its model is built.

        Raises:
            ComponentError, DataError, RecipeError: the run cannot be trained.
        """
        recipe = self.make(choice)
        with self._named(), origin_of(self._recipe, self._all(choice)).located():
            return make_plan(recipe, note, self._data, self._locate)

    def _all(self, choice: Choice, seed: int | None = None) -> tuple[str, ...]:
        seeded = [] if seed is None else [f"seed={seed}"]
        return (*self._overrides, *choice.overrides(), *seeded)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Make an error about a value of the grid name ``--grid`` rather than ``--set``."""
        try:
            yield
        except ZooError as error:
            for key in self._keys:
                error.where = error.where and error.where.replace(f"--set {key}=", f"--grid {key}=")
            raise


def check_values(recipes: Recipes, axes: Axes, metric: str | None, note: Callable[[str], None]) -> MetricSpec:
    """Build a model with each value of each field, and return the metric by which the runs are ranked.

    Raises:
        ComponentError, DataError, RecipeError: a value is wrong, or cannot be combined with the others.
        InputError: the runs do not compute the metric, or neither higher nor lower values of it are better.
    """
    shown: set[str] = set()

    def note_once(text: str) -> None:
        if text not in shown:
            shown.add(text)
            note(text)

    found = None
    for choice in one_at_a_time(axes):
        plan = recipes.plan(choice, note_once)
        found = found or _metric(plan, metric)
        if found.term is not None and plan.data.validation is None:
            note_once("There are no validation data, so the runs are ranked by a term of the loss on training data.")
    assert found is not None
    return found


def _metric(plan: Plan, name: str | None) -> MetricSpec:
    """Return the metric to rank by; by default, a bound on log p(x) on validation data.

    The loss is not comparable between runs with different weights of its terms, and test data must not be used to
    choose between runs.
    """
    model = plan.model
    if name is None:
        name = f"validation.{next(reversed(model.objective.bounds), plan.recipe.train.monitor)}"
    if name.startswith("validation."):
        term = name.removeprefix("validation.")
        _check_term(plan, term)
        better = "higher" if model.higher_is_better(term) else "lower"
        return MetricSpec(name=name, better=better, unit=model.unit_of(term))  # type: ignore[arg-type]
    results = _results(plan)
    if name not in results:
        problem, remedy = unknown_name(
            "result", name, [key for key, each in results.items() if each.better is not None]
        )
        metric = _metric_of(name)
        if metric is not None:
            problem = f"the runs do not compute {name!r}"
            remedy = f"Add {metric!r} to `evaluate.metrics`. {remedy}"
        remedy += " For a term of the loss on validation data, use validation.TERM, such as validation.loss."
        raise InputError(problem, where="--metric", remedy=remedy)
    if results[name].better is None:
        raise InputError(
            f"neither higher nor lower values of {name!r} are better", where="--metric", remedy="Choose another result."
        )
    return MetricSpec(name=name, better=results[name].better, unit=results[name].unit)  # type: ignore[arg-type]


def _metric_of(result: str) -> str | None:
    """Return the name of a metric that has a result of this name, whether or not the runs compute it."""
    metrics = usable_components("metric").items()
    return next((name for name, metric in metrics if any(each.name == result for each in metric.results)), None)  # type: ignore[attr-defined]


def _check_term(plan: Plan, term: str) -> None:
    """Check that the loss has a term, by computing it for two examples.

    Raises:
        InputError: it has no such term; the message names its terms.
    """
    split, model = plan.data.train, plan.model.eval()
    batch = next(iter(split.batches(2, order=torch.arange(min(2, len(split))))))
    with torch.no_grad(), seeded(0):
        terms = ["loss", *model.loss(batch.x, batch.labels if model.classes else None, batch.mask).terms]
    if term not in terms:
        problem, remedy = unknown_name("term", term, terms)
        raise InputError(problem, where="--metric validation", remedy=remedy)


def _results(plan: Plan) -> dict[str, Result]:
    """Return the results that the runs compute, by name."""
    context = evaluation_context(plan.model, plan.data, final_split(plan.data))
    declared = [
        result
        for each in choose_metrics(context, plan.recipe.evaluate.metrics, "evaluate.metrics")
        for result in each.metric.results
    ]
    return {
        Measurement(result, 0, source=source).key: result
        for result in declared
        for source in result.sources
        if source != FITTED or plan.recipe.model.fitted_prior is not None or _compares_fitted(context, result)
    }


def _compares_fitted(context: EvaluationContext, result: Result) -> bool:
    """Return whether a prior is fitted for the metric, to compare the model's samples with samples from it."""
    return PRIOR in result.sources and why_not(check_source, context, FITTED) is None
