"""Values of a column as the numbers that are stored, and back."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from zoo.errors import DataError, ZooWarning, cut
from zoo.spec.column_description import ColumnDescription
from zoo.tables.dates import day_of
from zoo.tables.inference import BOOLEAN_WORDS, ColumnPlan, wrong_value
from zoo.tables.numbers import COMMA, PLAIN, parsed_or_none
from zoo.tables.options import MISSING, missing_texts, setting
from zoo.tables.values import SECONDS_OF_DAY, Array, ColumnValues, bucket


class UnknownValues:
    """Values that a model has never seen: they count as missing, and one warning names them all."""

    def __init__(self) -> None:
        self.of_columns: dict[str, dict[str, None]] = {}

    def add(self, name: str, texts: Iterable[str]) -> None:
        """Note unknown values of a column."""
        self.of_columns.setdefault(name, {}).update(dict.fromkeys(texts))

    def warn(self) -> None:
        """Warn of them, if there are any."""
        parts = []
        for name, counts in self.of_columns.items():
            shown = ", ".join(repr(cut(text, 40)) for text in [*counts][:3])
            parts.append(f"{shown}{', …' if len(counts) > 3 else ''} in the column {name!r}")
        if parts:
            warnings.warn(
                f"values that the training data do not hold are taken as missing: {'; '.join(parts)}",
                ZooWarning,
                stacklevel=3,
            )


def encode(values: ColumnValues, plan: ColumnPlan, unknown: UnknownValues, first_row: int = 1) -> Array:
    """Return the values of a column (N,) as numbers, float64 with NaN where a value is missing or unknown.

    Numbers stay as they are; dates are days since 1970-01-01; booleans are 0 and 1; categories their numbers.

    Args:
        plan: what the column means, from the training data.
        unknown: is told of categories that the training data do not hold.
        first_row: number of the first row, for messages.

    Raises:
        DataError: a value is not of the column's type, or infinite; names the column, the value and its row.
    """
    column = plan.description
    if column.type == "categorical":
        return _numbered(values.as_texts(), column, unknown)
    if column.type == "date":
        return _days(values, plan, first_row)
    if column.type == "boolean":
        return _truths(values, column, unknown, first_row)
    return _quantities(values, plan, first_row)


def _numbered(values: ColumnValues, column: ColumnDescription, unknown: UnknownValues) -> Array:
    numbers = {name: float(number) for number, name in enumerate(column.categories)}
    texts = values.values
    if column.hashed:
        texts = np.array([*(t if t is None else bucket(t, len(numbers)) for t in texts), None], dtype=object)[:-1]
    return _looked_up(texts, numbers, column.name, unknown)


def _looked_up(texts: Array, numbers: dict[str, float], name: str, unknown: UnknownValues) -> Array:
    """Return the number of each text, NaN for those without one."""
    found = np.array([np.nan if text is None else numbers.get(text, -1.0) for text in texts], dtype="float64")
    strange = found == -1.0
    if strange.any():
        unknown.add(name, texts[strange])
        found[strange] = np.nan
    return found


def _truths(values: ColumnValues, column: ColumnDescription, unknown: UnknownValues, first_row: int) -> Array:
    if values.kind == "date":
        raise wrong_value(column, "two values", "dates", first_row)
    if values.kind == "text":
        words: dict[str, float] = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0}
        words |= {word: float(truth) for word, truth in BOOLEAN_WORDS.items()} if not column.categories else {}
        words |= {text.casefold(): float(number) for number, text in enumerate(column.categories)}
        folded = np.array([*(t if t is None else t.casefold() for t in values.values), None], dtype=object)[:-1]
        return _looked_up(folded, words, column.name, unknown)
    found = values.values.copy()
    strange = ~np.isnan(found) & ~np.isin(found, (0.0, 1.0))
    if strange.any():
        unknown.add(column.name, values.as_texts().values[strange])
        found[strange] = np.nan
    return found


def _days(values: ColumnValues, plan: ColumnPlan, first_row: int) -> Array:
    if values.kind == "date" or (values.kind == "number" and bool(np.isnan(values.values).all())):
        return values.values
    if values.kind != "text":
        raise wrong_value(plan.description, "dates", f"{values.kind}s", first_row)
    known: dict[str, float] = {}
    days = np.full(len(values), np.nan)
    for place, text in enumerate(values.values):
        if text is None:
            continue
        if text not in known:
            day = day_of(text, plan.date_format)
            if day is None:
                raise wrong_value(plan.description, "dates", repr(cut(text, 40)), first_row + place)
            known[text] = day
        days[place] = known[text]
    return days


def _quantities(values: ColumnValues, plan: ColumnPlan, first_row: int) -> Array:
    column = plan.description
    if values.kind == "date":
        raise wrong_value(column, "numbers", "dates", first_row)
    numbers = values.values
    if values.kind == "text":
        missing = values.missing
        numbers = np.full(len(values), np.nan)
        found = parsed_or_none(values.values[~missing], plan.style)
        if found is None:
            place = next(
                place
                for place in np.flatnonzero(~missing)
                if parsed_or_none(values.values[place : place + 1], plan.style) is None
            )
            raise wrong_value(column, "numbers", repr(cut(values.values[place], 40)), first_row + int(place))
        numbers[~missing] = found
    if bool(np.isinf(numbers).any()):
        row = first_row + int(np.flatnonzero(np.isinf(numbers))[0])
        raise DataError(
            f"expected finite numbers in the column {column.name!r}, got infinity in row {row}",
            where="columns",
            remedy="Leave the value empty, which counts as missing, or replace it by a number.",
        )
    if plan.whole and bool((numbers % 1 > 0).any()):
        broken = int(np.flatnonzero(numbers % 1 > 0)[0])
        remedy = f"Correct the value. Or accept numbers with fractions: {setting(column.name, 'numeric')}."
        raise wrong_value(column, "whole numbers", f"{numbers[broken]:.15g}", first_row + broken, remedy)
    return numbers


def decode(numbers: Array, column: ColumnDescription) -> Array:
    """Return stored numbers (N,) of a column as the original values.

    Categories become their names, dates ``datetime64``, whole numbers are rounded. Missing values are NaN, None or NaT.

    Example:
        >>> decode(np.array([1.0, 0.0]), ColumnDescription(name="pet", type="categorical", categories=("cat", "dog")))
        array(['dog', 'cat'], dtype=object)
    """
    missing = np.isnan(numbers)
    filled = np.where(missing, 0.0, numbers)
    if column.type == "categorical":
        found = np.array([*column.categories, None], dtype=object)[np.where(missing, -1, filled.round()).astype(int)]
        if column.given_as in ("integer", "float", "boolean"):
            return np.array([None if text is None else _number(text) for text in found], dtype=object)
        return found
    if column.type == "date":
        unit = SECONDS_OF_DAY if column.given_as == "date" else 1
        seconds = np.clip(np.round(filled * SECONDS_OF_DAY / unit) * unit, -6e10, 2.5e11)
        days = seconds.astype("int64").astype("datetime64[s]")
        days[missing] = np.datetime64("NaT")
        return days
    if column.type == "boolean":
        words: Any = column.categories if column.given_as == "text" else (False, True)
        if column.given_as in ("integer", "float"):
            words = (0, 1)
        return np.array([*words, None], dtype=object)[np.where(missing, 2, filled.round().clip(0, 1)).astype(int)]
    return np.round(numbers) if column.type == "integer" else numbers


def _number(text: str) -> float | bool:
    if text in ("True", "False"):
        return text == "True"
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def plan_of(column: ColumnDescription, values: ColumnValues) -> ColumnPlan:
    """Return how a known column is read from a DataFrame, whose texts are written in one of the usual styles."""
    if values.kind == "text" and column.type in ("numeric", "integer"):
        texts = values.values[~values.missing]
        style = PLAIN if parsed_or_none(texts, PLAIN) is not None else COMMA
        return ColumnPlan(column, style)
    return ColumnPlan(column)


def without_missing_texts(
    values: ColumnValues, column: ColumnDescription, missing: Collection[str] = MISSING
) -> ColumnValues:
    """Return values of a known column without the texts that stand for a missing value.

    Those of a categorical column stay: they are categories, or a warning names them.

    Args:
        missing: the texts; those that the column knows as its own stay.
    """
    if values.kind != "text" or column.type == "categorical":
        return values
    missing = missing_texts(column, missing)
    texts = np.array([*(None if t in missing else t for t in values.values), None], dtype=object)[:-1]
    return ColumnValues(texts, "text", values.given_as, values.declared, values.timezone)
