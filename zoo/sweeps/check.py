"""What is checked before a sweep trains anything: every value of every field, and the number to rank by."""

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
from zoo.runs.initial import Locate, import_parts, spec_of_model
from zoo.runs.plan import Plan, make_plan
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe, origin_of
from zoo.sweeps.axes import Axes, Choice, one_at_a_time
from zoo.sweeps.spec import MetricSpec
from zoo.utils.seeds import seeded


class Recipes:
    """Makes the recipe of each run of a sweep.

    Args:
        recipe: a name, a path or a content.
        overrides: fields that are set in all runs.
        keys: the fields that vary.
        data: in memory, in place of those that the recipe names.
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
            RecipeError: a field is wrong; the message names the value of the grid that wrote it.
        """
        overrides = self._all(choice, seed)
        with self._named():
            import_parts(self._recipe, overrides)
            return load_recipe(
                self._recipe,
                overrides,
                data=None if self._data is None else as_memory,
                spec_of=lambda name: spec_of_model(name, self._locate),
            )

    def plan(self, choice: Choice, note: Callable[[str], None]) -> Plan:
        """Return what a run comes to: its data are loaded and its model is built.

        Raises:
            ComponentError, DataError, RecipeError: it cannot be trained.
        """
        recipe = self.make(choice)
        with self._named(), origin_of(self._recipe, self._all(choice)).located():
            return make_plan(recipe, note, self._data, self._locate)

    def _all(self, choice: Choice, seed: int | None = None) -> tuple[str, ...]:
        seeded = [] if seed is None else [f"seed={seed}"]
        return (*self._overrides, *choice.overrides(), *seeded)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error name the grid where a value of it is wrong, rather than an override."""
        try:
            yield
        except ZooError as error:
            for key in self._keys:
                error.where = error.where and error.where.replace(f"--set {key}=", f"--grid {key}=")
            raise


def check_values(recipes: Recipes, axes: Axes, metric: str | None, note: Callable[[str], None]) -> MetricSpec:
    """Build a model with each value of each field, and return the number by which the runs are ranked.

    Raises:
        ComponentError, DataError, RecipeError: a value is wrong, or does not fit the rest.
        InputError: the runs do not measure the number, or neither direction of it is better.
    """
    said: set[str] = set()

    def note_once(text: str) -> None:
        if text not in said:
            said.add(text)
            note(text)

    found = None
    for choice in one_at_a_time(axes):
        plan = recipes.plan(choice, note_once)
        found = found or _metric(plan, metric)
        if found.term is not None and plan.data.validation is None:
            note_once("There are no validation data: the runs are ranked by a term of the loss on training data.")
    assert found is not None
    return found


def _metric(plan: Plan, name: str | None) -> MetricSpec:
    """Return the number to rank by; by default, a bound on log p(x) on validation data.

    The loss of two runs does not compare where the sweep varies a weight of it, and test data are not to choose with.
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
        measuring = _metric_of(name)
        if measuring is not None:
            problem = f"the runs do not measure {name!r}"
            remedy = f"Add {measuring!r} to `evaluate.metrics`. {remedy}"
        remedy += " A term of the loss on validation data is named validation.TERM, such as validation.loss."
        raise InputError(problem, where="--metric", remedy=remedy)
    if results[name].better is None:
        raise InputError(f"neither more nor less of {name!r} is better", where="--metric", remedy="Name another.")
    return MetricSpec(name=name, better=results[name].better, unit=results[name].unit)  # type: ignore[arg-type]


def _metric_of(result: str) -> str | None:
    """Return the name of a metric that has a result of this name, whether or not the runs measure it."""
    metrics = usable_components("metric").items()
    return next((name for name, metric in metrics if any(each.name == result for each in metric.results)), None)  # type: ignore[attr-defined]


def _check_term(plan: Plan, term: str) -> None:
    """Refuse a term that the loss does not have: the loss of two examples shows.

    Raises:
        InputError: names the terms there are.
    """
    split, model = plan.data.train, plan.model.eval()
    batch = next(iter(split.batches(2, order=torch.arange(min(2, len(split))))))
    with torch.no_grad(), seeded(0):
        terms = ["loss", *model.loss(batch.x, batch.labels if model.classes else None, batch.mask).terms]
    if term not in terms:
        problem, remedy = unknown_name("term", term, terms)
        raise InputError(problem, where="--metric validation", remedy=remedy)


def _results(plan: Plan) -> dict[str, Result]:
    """Return what the runs measure, by name."""
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
