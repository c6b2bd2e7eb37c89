"""The specification of a sweep (``sweep.yaml``): a recipe, the varied fields, the seeds and the search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from zoo.errors import RunError
from zoo.spec.component import StrictModel
from zoo.spec.documents import flat_document
from zoo.spec.labels import short_names, values_label
from zoo.sweeps.axes import Axes, Choice, Range, Values
from zoo.utils.text import excerpt


class MetricSpec(StrictModel):
    """The metric by which a sweep ranks its runs.

    Attributes:
        name: a result of the evaluation, or ``validation.TERM``: a term of the loss on validation data.
    """

    name: str
    better: Literal["higher", "lower"]
    unit: str | None = None

    @property
    def term(self) -> str | None:
        """The name of the term of the loss; None for a result of the evaluation."""
        return self.name.removeprefix("validation.") if self.name.startswith("validation.") else None


class SearchSpec(StrictModel):
    """How combinations of values are chosen: all of a grid, or some of them by optuna."""

    name: Literal["grid", "optuna"] = "grid"
    trials: PositiveInt | None = None
    seed: NonNegativeInt = 0


class SweepSpec(StrictModel):
    """The specification of a sweep.

    Attributes:
        recipe: the recipe as written by the user, with absolute paths.
        overrides: fields that are set in all runs, as ``KEY=VALUE``.
        grid: the varied fields with their values or ranges.
        seeds: the seeds with which each combination is trained.
    """

    recipe: dict[str, Any]
    overrides: tuple[str, ...] = Field(default=(), strict=False)
    grid: dict[str, list[Any] | Range]
    seeds: tuple[NonNegativeInt, ...] = Field(min_length=1, strict=False)
    search: SearchSpec = SearchSpec()
    metric: MetricSpec

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, ready for YAML."""
        document: dict[str, Any] = json.loads(self.model_dump_json(exclude_none=True))
        return {**document, "recipe": json.loads(json.dumps(self.recipe)), "grid": _plain(self.grid)}

    @property
    def short_names(self) -> dict[str, str]:
        """The short name of each varied field."""
        return short_names(self.grid)

    def named(self, choice: Choice) -> dict[str, Any]:
        """Return the values of a combination by their short names."""
        return {self.short_names[key]: value for key, value in choice.values.items()}

    def label(self, choice: Choice) -> str:
        """Return the label of a combination, such as ``beta=0.5``; the recipe's name if no field varies."""
        return values_label(self.named(choice)) or str(self.recipe.get("name", "recipe"))

    def run_name(self, choice: Choice, seed: int) -> str:
        """Return the name of a run, such as ``beta=0.5,seed=1``."""
        return f"{self.label(choice)},seed={seed}"

    def continued_by(self, other: SweepSpec, where: str) -> SweepSpec:
        """Return the sweep with the additional values, seeds and trials of another one.

        Raises:
            RunError: the other sweep differs in another field; the message names the first one.
        """
        ours, theirs = _comparable(self), _comparable(other)
        key = next((key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)), None)
        if key is not None:
            raise _another(key, ours.get(key), theirs.get(key), where)
        for key, axis in self.grid.items():
            _check_contains(f"grid.{key}", axis, other.grid[key], where)
        _check_contains("seeds", list(self.seeds), list(other.seeds), where)
        if (self.search.trials or 0) > (other.search.trials or 0):
            raise _another("search.trials", self.search.trials, other.search.trials, where)
        return other.model_copy(update={"metric": self.metric})


def _plain(grid: Axes) -> dict[str, Any]:
    return {
        key: axis.model_dump(mode="json") if isinstance(axis, Range) else json.loads(json.dumps(axis))
        for key, axis in grid.items()
    }


def _comparable(spec: SweepSpec) -> dict[str, Any]:
    """Return the fields that must be equal in a sweep that continues another, by their paths."""
    recipe = {key: value for key, value in spec.recipe.items() if key != "description"}
    return {
        **flat_document({"recipe": json.loads(json.dumps(recipe))}),
        "set": list(spec.overrides),
        "grid": list(spec.grid),
        "search": spec.search.name,
        "search.seed": spec.search.seed,
        "metric": spec.metric.name,
    }


def _check_contains(field: str, before: Values | Range, now: Values | Range, where: str) -> None:
    if isinstance(before, Range) or isinstance(now, Range):
        if before != now:
            raise _another(field, _written(before), _written(now), where)
    elif not all(value in now for value in before):
        raise _another(field, list(before), list(now), where)


def _written(axis: Values | Range) -> Any:
    return str(axis) if isinstance(axis, Range) else list(axis)


def _another(field: str, before: Any, now: Any, where: str) -> RunError:
    return RunError(
        f"the directory contains another sweep: {field} was {excerpt(before)}, is {excerpt(now)}",
        where=where,
        remedy="Repeat the same command, with more values, seeds or trials if you like, or choose another --out.",
    )


def seeds_of(seeds: int | Sequence[int], first: int) -> tuple[int, ...]:
    """Return a number of consecutive seeds, or the listed ones.

    Raises:
        RunError: the list is empty, or contains a seed twice.

    Example:
        >>> seeds_of(3, first=5), seeds_of([2, 7], first=0)
        ((5, 6, 7), (2, 7))
    """
    found = tuple(range(first, first + seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not found or not all(isinstance(seed, int) and seed >= 0 for seed in found) or len(set(found)) < len(found):
        raise RunError(f"expected a number of seeds, or different seeds, got {excerpt(seeds)}", where="seeds")
    return found
