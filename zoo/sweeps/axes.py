"""The fields that a sweep varies: lists of values, and ranges for a search."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import model_validator

from zoo.errors import InputError, RecipeError
from zoo.spec.component import StrictModel
from zoo.spec.documents import parse_yaml
from zoo.spec.labels import value_label
from zoo.utils.text import excerpt

_RANGE = re.compile(r"\s*(uniform|log|integer|log_integer)\s*\((.*)\)\s*")
_EXAMPLE = "For example: --grid model.objective.beta=0.5,1,2,4"
_DIGITS = 4
"""Significant digits of a number from a range, few enough for tables and names of files."""


class Range(StrictModel):
    """A range of numbers, with both bounds included.

    Example:
        >>> Range(scale="log", low=1e-4, high=1e-2).rounded(0.00123456)
        0.001235
    """

    scale: Literal["uniform", "log", "integer", "log_integer"]
    low: float
    high: float

    @model_validator(mode="after")
    def _check(self) -> Range:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"expected finite bounds, got {self.low:g} and {self.high:g}")
        if not self.low < self.high:
            raise ValueError(f"expected the lower bound first, got {self.low:g} and {self.high:g}")
        if self.is_log and self.low <= 0:
            raise ValueError(f"expected positive bounds for a logarithmic range, got {self.low:g}")
        if self.is_whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"expected whole numbers as bounds, got {self.low:g} and {self.high:g}")
        return self

    @property
    def is_log(self) -> bool:
        """Whether the logarithms of the numbers are uniform, rather than the numbers themselves."""
        return self.scale.startswith("log")

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole."""
        return self.scale.endswith("integer")

    def rounded(self, value: float) -> int | float:
        """Return a number of the range with a few significant digits."""
        if self.is_whole:
            return round(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        """Return the range as on the command line."""
        return f"{self.scale}({self.low:g},{self.high:g})"


Values = list[Any]
Axes = dict[str, Values | Range]


@dataclass(frozen=True)
class Choice:
    """A combination of values: one for each varied field, by its path."""

    values: Mapping[str, Any]

    def overrides(self) -> list[str]:
        """Return the values as overrides of a recipe."""
        return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in self.values.items()]


def parse_grid(grid: Mapping[str, Any] | Iterable[str]) -> Axes:
    """Return the varied fields with their values or ranges.

    Args:
        grid: texts such as ``KEY=V1,V2`` and ``KEY=log(1e-4,1e-2)``; or a mapping of keys to lists, or to texts such as
            ``"log(1e-4,1e-2)"``.

    Raises:
        RecipeError: an entry has another form; the message names the key.

    Example:
        >>> parse_grid(["model.objective.beta=0.5,1", "model.encoder.widths=[64],[64,32]"])
        {'model.objective.beta': [0.5, 1], 'model.encoder.widths': [[64], [64, 32]]}
        >>> str(parse_grid({"train.optimizer.lr": "log(1e-4, 1e-2)"})["train.optimizer.lr"])
        'log(0.0001,0.01)'
    """
    if isinstance(grid, str):
        grid = [grid]
    pairs: list[tuple[str, Any]] = []
    if isinstance(grid, Mapping):
        pairs = [(str(key), value) for key, value in grid.items()]
    else:
        for text in grid:
            key, equals, values = str(text).partition("=")
            if not equals or not key.strip():
                raise RecipeError(f"expected KEY=V1,V2, got {excerpt(text)}", where="--grid", remedy=_EXAMPLE)
            pairs.append((key, values))
    axes: Axes = {}
    for key, given in pairs:
        key = key.strip()
        where = f"--grid {key}"
        if key in axes:
            raise RecipeError(
                "expected each field once, got it twice", where=where, remedy="List all values of a field together."
            )
        if key == "seed":
            raise RecipeError(
                "the seed is not part of the grid", where=where, remedy="State the number of seeds: --seeds 3."
            )
        axes[key] = _axis(given, where)
    return axes


def _axis(given: Any, where: str) -> Values | Range:
    if isinstance(given, Range):
        return given
    if isinstance(given, str):
        found = _RANGE.fullmatch(given)
        if found:
            return _range(found[1], found[2], where)
        given = parse_yaml(f"[{given}]", where)
    if hasattr(given, "tolist"):
        given = given.tolist()  # an array of NumPy
    if not isinstance(given, Sequence) or not given:
        raise RecipeError(f"expected values, got {excerpt(given)}", where=where, remedy=_EXAMPLE)
    try:
        values = json.loads(json.dumps(list(given)))
    except (TypeError, ValueError) as error:
        raise RecipeError(f"expected plain data, got {excerpt(given)}", where=where) from error
    labels = [value_label(value) for value in values]
    for label in labels:
        if labels.count(label) > 1:
            raise RecipeError(f"expected different values, got {label} twice", where=where)
    return list(values)


def _range(scale: str, text: str, where: str) -> Range:
    bounds = parse_yaml(f"[{text}]", where)
    numbers = [bound for bound in bounds if isinstance(bound, (int, float)) and not isinstance(bound, bool)]
    if len(bounds) != 2 or len(numbers) != 2:
        remedy = f"For example: {scale}(16,256)" if "integer" in scale else f"For example: {scale}(1e-4,1e-2)"
        raise RecipeError(f"expected two numbers, got {excerpt(text)}", where=where, remedy=remedy)
    try:
        return Range(scale=scale, low=float(numbers[0]), high=float(numbers[1]))  # type: ignore[arg-type]
    except ValueError as error:
        problem = str(error.errors()[0]["msg"]) if hasattr(error, "errors") else str(error)
        raise RecipeError(problem.removeprefix("Value error, "), where=where) from error


def choices_of(axes: Axes) -> list[Choice]:
    """Return every combination of the values, the last field varying fastest.

    Raises:
        InputError: a field has a range, which a grid cannot enumerate.

    Example:
        >>> [choice.values for choice in choices_of({"a": [1, 2], "b": [3]})]
        [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}]
    """
    found: list[dict[str, Any]] = [{}]
    for key, values in axes.items():
        if isinstance(values, Range):
            raise InputError(
                f"expected a list of values, got the range {values}",
                where=f"--grid {key}",
                remedy=f"Use a search, --search optuna --trials 20, or list values: --grid {key}=V1,V2",
            )
        found = [{**before, key: value} for before in found for value in values]
    return [Choice(values) for values in found]


def contains(axis: Values | Range, value: Any) -> bool:
    """Return whether a value is in a list or a range.

    Example:
        >>> contains([1, [2]], [2]), contains(Range(scale="integer", low=1, high=3), 4)
        (True, False)
    """
    if not isinstance(axis, Range):
        return value in axis
    return isinstance(value, (int, float)) and not isinstance(value, bool) and axis.low <= value <= axis.high


def one_at_a_time(axes: Axes) -> list[Choice]:
    """Return combinations in which each value of each field appears at least once; for a range, its bounds.

    Example:
        >>> [choice.values for choice in one_at_a_time({"a": [1, 2], "b": [3, 4]})]
        [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}, {'a': 1, 'b': 4}]
    """
    values = {key: _ends(axis) for key, axis in axes.items()}
    first = {key: ends[0] for key, ends in values.items()}
    others = [{**first, key: other} for key, ends in values.items() for other in ends[1:]]
    return [Choice(each) for each in (first, *others)]


def _ends(axis: Values | Range) -> Sequence[Any]:
    return [axis.rounded(axis.low), axis.rounded(axis.high)] if isinstance(axis, Range) else axis
