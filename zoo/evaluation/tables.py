"""Tables of metrics, and how numbers are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoo.evaluation.measurement import Measurement, Source
from zoo.evaluation.record import measurements_of

MISSING = "–"
_NAME_WIDTH = 28
_LONGEST_LIST = 8
"""Entries of a list that are written one by one; of a longer one, the smallest and the largest are."""


def number(value: float, digits: int | None = None) -> str:
    """Write a number with a sensible number of digits, or with the given number of significant ones.

    Example:
        >>> number(-141.4213), number(0.04142), number(10000), number(1e-7), number(0.4963, 2)
        ('-141.42', '0.0414', '10,000', '1e-07', '0.50')
    """
    if digits is not None and abs(value) < 10**digits:
        return f"{value:#.{digits}g}".rstrip(".")
    if digits is not None:
        return f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.{digits - 1}e}"
    if isinstance(value, int):
        return f"{value:,}"
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.2f}"


def is_number(value: object) -> bool:
    """Whether a value is one number, rather than a list or a text."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def with_error(measurement: Measurement | None) -> str:
    """Write a number with its standard error where it has one, or a dash for none.

    Example:
        >>> from zoo.evaluation.measurement import Result
        >>> with_error(Measurement(Result("elbo"), -24.379, standard_error=0.187)), with_error(None)
        ('-24.38 ± 0.19', '–')
    """
    if measurement is None or not is_number(measurement.value):
        return MISSING
    return value_with_error(measurement.value, measurement.standard_error)  # type: ignore[arg-type]


def value_with_error(value: float, error: float | None) -> str:
    """Write a number, with its error where it has one; both in scientific notation, or neither.

    Example:
        >>> value_with_error(1.234e12, 3.21e8), value_with_error(-24.379, 0.187)
        ('1.23e+12 ± 3.2e+08', '-24.38 ± 0.19')
    """
    text = number(value)
    if error is None:
        return text
    return f"{text} ± {f'{error:.1e}' if 'e' in text else number(error, 2)}"


def by_result(measurements: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Return the measurements of each result, those of several sources together, in the order of their first."""
    found: dict[str, list[Measurement]] = {}
    for each in measurements:
        found.setdefault(each.result.name, []).append(each)
    return found


def metrics_table(record: Mapping[str, Any], title: str) -> str:
    """Return the metrics of a record as lines of text, those of several sources as a table below the others.

    Lists, such as the nats of each level, stand below the numbers, and what the sources are below all.
    """
    plain: list[str] = []
    lists: list[str] = []
    sourced: dict[tuple[Source, ...], list[list[Measurement]]] = {}
    for group in by_result(measurements_of(record)).values():
        shown = [each for each in group if is_number(each.value)]
        plain += [_line(each) for each in shown if each.source is None]
        lists += [_line_of_list(each) for each in group if isinstance(each.value, list) and each.value]
        sources = tuple(each.source for each in shown if each.source is not None)
        if sources:
            sourced.setdefault(sources, []).append([each for each in shown if each.source is not None])
    lines = [title, *plain, *lists]
    for sources, groups in sourced.items():
        lines.append(f"  {'':<{_NAME_WIDTH}}" + "".join(f"{source.title:>16}" for source in sources))
        lines += [
            f"  {group[0].result.heading:<{_NAME_WIDTH}}" + "".join(f"{with_error(each):>16}" for each in group)
            for group in groups
        ]
    explained = {source.title: source.meaning for sources in sourced for source in sources if source.meaning}
    lines += [f"  {title}: {meaning}" for title, meaning in explained.items()]
    return "\n".join(lines)


def _line(measurement: Measurement) -> str:
    """Return a line on which units and errors of all lines stand below each other."""
    value, _, error = with_error(measurement).partition(" ± ")
    unit = measurement.result.unit or ""
    return (
        f"  {measurement.result.heading:<{_NAME_WIDTH}}{value:>12}{f' ± {error}' if error else '':<10} {unit}".rstrip()
    )


def _line_of_list(measurement: Measurement) -> str:
    """Return a line with the entries of a list, or with their number and range if there are many."""
    values: list[float] = measurement.value  # type: ignore[assignment]
    if len(values) <= _LONGEST_LIST:
        entries = ", ".join(number(value) for value in values)
    else:
        entries = f"{number(min(values))} to {number(max(values))}, {len(values):,} values"
    return f"  {row_heading(measurement):<{_NAME_WIDTH}}      {entries}"


def row_heading(measurement: Measurement) -> str:
    """Return the heading of a row: what is measured, of which source, in which unit.

    Example:
        >>> from zoo.evaluation.measurement import PRIOR, Result
        >>> row_heading(Measurement(Result("recall"), 0.5, source=PRIOR))
        'recall, from the prior'
        >>> row_heading(Measurement(Result("elbo", unit="nats", title="ELBO"), -24.4))
        'ELBO [nats]'
    """
    text, unit = _heading(measurement), measurement.result.unit
    return f"{text} [{unit}]" if unit else text


def _heading(measurement: Measurement) -> str:
    """Return what is measured, and of which source."""
    result, source = measurement.result, measurement.source
    return result.heading if source is None else f"{result.heading}, {source.title}"
