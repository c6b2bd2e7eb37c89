"""Infers what a column means from its values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoo.errors import DataError, cut
from zoo.spec.column_description import ColumnDescription, ColumnType
from zoo.tables.dates import day_of
from zoo.tables.number_styles import style_of_column
from zoo.tables.numbers import PLAIN, NumberStyle
from zoo.tables.options import TableOptions, setting
from zoo.tables.scan import ColumnScan
from zoo.tables.values import GivenAs

BOOLEAN_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "t", "on"), True),
    **dict.fromkeys(("false", "no", "n", "f", "off"), False),
}
_PAIRS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})
_FEW, _MOSTLY_DISTINCT = 10, 0.5
"""From this many rows on, texts are not categories if more than this share of them occur only once."""


@dataclass(frozen=True)
class ColumnPlan:
    """A column as it is read.

    Attributes:
        description: what it means.
        style: how its numbers are written.
        date_format: how its dates are written.
        whole: whether numbers with fractions are refused.
    """

    description: ColumnDescription
    style: NumberStyle = PLAIN
    date_format: str | None = None
    whole: bool = False


def plan_column(scan: ColumnScan, options: TableOptions, of_file: NumberStyle | None) -> ColumnPlan:
    """Decide what a column means.

    Raises:
        DataError: it has no value, is mixed, or is text that is neither a category nor a date; names the column.
    """
    if scan.missing == scan.count:
        raise DataError(
            f"the column {scan.name!r} has no values",
            where="columns",
            remedy=f"Leave it out: {setting(scan.name, 'ignore')}.",
        )
    style = style_of_column(scan, of_file)
    kind = _type(scan, style, options)
    if kind == "categorical":
        return ColumnPlan(_categorical(scan, options), style or PLAIN, options.date_format)
    description = ColumnDescription(
        name=scan.name,
        type=kind,
        categories=_boolean_words(scan) if kind == "boolean" else (),
        given_as=_given_as(scan, kind, style),
        timezone=scan.timezone if kind == "date" else None,
    )
    return ColumnPlan(description, style or PLAIN, options.date_format)


def plan_known(
    column: ColumnDescription, scan: ColumnScan | None, options: TableOptions, of_file: NumberStyle | None
) -> ColumnPlan:
    """Return how a column that a model knows is written; that its values are of its type is checked as they are read.

    Args:
        scan: of a column of numbers; None for others.

    Raises:
        DataError: a text is no number, or 1,234 may be read in two ways.
    """
    if scan is not None and scan.odd is not None:
        raise wrong_value(column, "numbers", repr(cut(scan.odd[0], 40)), scan.odd[1])
    style = None if scan is None else style_of_column(scan, of_file)
    whole = options.columns.get(column.name, column.type) == "integer"
    return ColumnPlan(column, style or of_file or PLAIN, options.date_format, whole)


def wrong_value(
    column: ColumnDescription,
    expected: str,
    got: str,
    row: int,
    remedy: str = "Correct the value, or leave it empty, which counts as missing.",
) -> DataError:
    """Return the error for a value that is not of its column's type."""
    return DataError(
        f"expected {expected} in the column {column.name!r}, got {got} in row {row}",
        where="columns",
        remedy=remedy,
    )


def _type(scan: ColumnScan, style: NumberStyle | None, options: TableOptions) -> ColumnType:
    if scan.forced in ("categorical", "hash"):
        return "categorical"
    if scan.forced is not None:
        return _checked(scan, style, options)
    if len(scan.kinds) > 1:
        raise DataError(
            f"the column {scan.name!r} holds {' and '.join(sorted(scan.kinds))}s",
            where="columns",
            remedy=f"State its type, {setting(scan.name, 'numeric')}, or convert its values.",
        )
    kind = next(iter(scan.kinds))
    if kind == "boolean" or (kind == "text" and _is_boolean(scan)):
        return "boolean"
    if kind == "date":
        return "date"
    if kind == "number" or (style is not None and not scan.codes):
        # Floats that happen to be whole, such as 5.0 and 3.0, stay what they are.
        is_float = scan.fractions or "float" in scan.given_as
        if scan.both == {0.0, 1.0} and scan.zero_one and not scan.fractions:
            return "boolean"
        return "integer" if scan.whole and not is_float else "numeric"
    if scan.dates and not scan.declared:
        return "date"
    _check_categories(scan, options)
    return "categorical"


def _checked(scan: ColumnScan, style: NumberStyle | None, options: TableOptions) -> ColumnType:
    """Return the type that was chosen.

    Raises:
        DataError: the values are not of this type.
    """
    chosen: ColumnType = scan.forced  # type: ignore[assignment]
    is_text = "text" in scan.kinds
    if chosen in ("numeric", "integer") and is_text and style is None:
        text, row = scan.odd or (next(iter(scan.distinct)), 1)
        raise _refusal(scan, f"numbers, got {cut(text, 40)!r} in row {row}", _remedy_of_text(scan.name, text))
    if chosen == "integer" and not scan.whole:
        raise _refusal(scan, "whole numbers, got numbers with fractions", f"Use {setting(scan.name, 'numeric')}.")
    if chosen == "boolean" and not (
        scan.kinds == {"boolean"}
        or (scan.kinds == {"number"} and scan.zero_one)
        or (is_text and len(scan.distinct) <= 2)
    ):
        raise _refusal(scan, "two values, got more", f"Use {setting(scan.name, 'categorical')}.")
    if chosen == "date" and not (scan.kinds == {"date"} or (scan.kinds == {"text"} and scan.dates)):
        shown = next(
            (text for text in scan.distinct if day_of(text, options.date_format) is None), next(iter(scan.distinct), "")
        )
        expected = f"dates written as {options.date_format!r}" if options.date_format else "dates such as 2026-07-31"
        found = f"got {cut(shown, 40)!r}" if shown else "got numbers"
        raise _refusal(scan, f"{expected}, {found}", 'State how they are written, such as `date_format: "%d/%m/%Y"`.')
    return chosen


def _refusal(scan: ColumnScan, expected: str, remedy: str) -> DataError:
    return DataError(f"expected the column {scan.name!r} to hold {expected}", where="columns", remedy=remedy)


def _remedy_of_text(name: str, text: str) -> str:
    return (
        f'If it stands for a missing value, add it to `missing`: ["", {text!r}]; or correct it; or use '
        f"{setting(name, 'categorical')}."
    )


def _check_categories(scan: ColumnScan, options: TableOptions) -> None:
    """Refuse texts that are neither categories nor dates, unless somebody says that they are categories.

    Raises:
        DataError: names the column, and what to do.
    """
    texts, present = len(scan.distinct), scan.count - scan.missing
    if scan.odd is not None and scan.numbers >= _FEW and scan.numbers > len(scan.distinct) / 2:
        text, row = scan.odd
        raise DataError(
            f"the column {scan.name!r} holds numbers, and {cut(text, 40)!r} in row {row}",
            where="columns",
            remedy=_remedy_of_text(scan.name, text),
        )
    if scan.declared:
        return
    if scan.many:
        raise _too_many(scan, options)
    if present >= _FEW and texts > _MOSTLY_DISTINCT * present:
        raise DataError(
            f"the column {scan.name!r} holds texts that are neither numbers nor dates nor categories: {texts} "
            f"different ones in {present} rows, such as {cut(next(iter(scan.distinct)), 40)!r}",
            where="columns",
            remedy=_remedy_of_many(scan.name, options),
        )


def _too_many(scan: ColumnScan, options: TableOptions) -> DataError:
    return DataError(
        f"the column {scan.name!r} holds more than {options.max_categories} different values, such as "
        f"{cut(next(iter(scan.distinct)), 40)!r}",
        where="columns",
        remedy=_remedy_of_many(scan.name, options),
    )


def _remedy_of_many(name: str, options: TableOptions) -> str:
    return (
        f"Leave it out, {setting(name, 'ignore')}. If it names the rows, `row_name: {name}` shows it in results. Or "
        f"instead of `ignore`, `hash` puts its texts into "
        f"{options.hash_buckets} categories, and `categorical` takes each for a category, with `max_categories` of at "
        "least as many."
    )


def _categorical(scan: ColumnScan, options: TableOptions) -> ColumnDescription:
    if scan.forced == "hash":
        names = tuple(f"#{number}" for number in range(options.hash_buckets))
        return ColumnDescription(name=scan.name, type="categorical", categories=names, hashed=True, given_as="text")
    if scan.many or len(scan.declared) > options.max_categories:
        raise _too_many(scan, options)
    given_as: GivenAs = "text"
    if scan.kinds == {"text"}:
        given_as = "category" if "category" in scan.given_as else "text"
    elif scan.kinds == {"number"} and scan.whole:
        given_as = "integer"
    elif scan.kinds in ({"number"}, {"boolean"}):
        given_as = "float" if scan.kinds == {"number"} else "boolean"
    return ColumnDescription(
        name=scan.name,
        type="categorical",
        categories=scan.declared or tuple(in_order(scan.distinct)),
        given_as=given_as,
    )


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names of categories: whole numbers by their size, all else as texts.

    Example:
        >>> in_order(["10", "9"]), in_order(["b", "10", "a"])
        (['9', '10'], ['10', 'a', 'b'])
    """
    names = list(names)
    return sorted(names, key=int) if all(re.fullmatch(r"[+-]?\d{1,18}", name) for name in names) else sorted(names)


def _is_boolean(scan: ColumnScan) -> bool:
    folded = {text.casefold() for text in scan.distinct}
    return len(scan.distinct) == 2 and any(folded == pair for pair in _PAIRS)


def _boolean_words(scan: ColumnScan) -> tuple[str, ...]:
    if scan.kinds != {"text"} or (scan.numbers and not scan.odd):
        return ()
    if _is_true_false(scan):
        return ()
    words: Sequence[str] = in_order(scan.distinct)
    known = [BOOLEAN_WORDS.get(word.casefold()) for word in words]
    if len(words) == 1:
        return () if known[0] is not None else (f"not {words[0]}", words[0])
    return (words[1], words[0]) if known == [True, False] else (words[0], words[1])


def _given_as(scan: ColumnScan, kind: ColumnType, style: NumberStyle | None) -> GivenAs:
    if kind == "date":
        return "datetime" if "datetime" in scan.given_as or not _whole_days(scan) else "date"
    if kind == "boolean":
        if scan.kinds == {"text"} and style is None:
            return "text" if _boolean_words(scan) and not _is_true_false(scan) else "boolean"
        if scan.kinds == {"boolean"}:
            return "boolean"
        return "float" if "float" in scan.given_as else "integer"
    return "integer" if kind == "integer" and "float" not in scan.given_as else "float"


def _is_true_false(scan: ColumnScan) -> bool:
    return {text.casefold() for text in scan.distinct} <= {"true", "false"}


def _whole_days(scan: ColumnScan) -> bool:
    if scan.kinds == {"date"}:
        return "date" in scan.given_as and "datetime" not in scan.given_as
    days = [day_of(text, scan.date_format) for text in scan.distinct]
    return all(day is not None and day == int(day) for day in days)
