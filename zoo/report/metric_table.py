"""Metrics of several models, or of groups of models, as one table: sorted, the best marked, in text, CSV and HTML."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zoo.errors import InputError, unknown_name
from zoo.evaluation.measurement import Better, Measurement
from zoo.evaluation.record import measurements_of
from zoo.evaluation.tables import MISSING, is_number, row_heading, value_with_error
from zoo.report.markup import document, escape, table

WIDTH = 100
"""Letters in a line of a table."""
Error = Literal["standard_error", "standard_deviation"]
_LEAST_HEADING, _LEAST_WIDTH = 26, 10
_WORDS: Mapping[Error, str] = {
    "standard_error": "± is one standard error of the mean over the examples.",
    "standard_deviation": "± is one standard deviation between the models of a group.",
}

_MARKED = "the best of a row, and what is less than two standard errors worse; no mark where that is all of them"


@dataclass(frozen=True)
class Entry:
    """A number in a table.

    Attributes:
        value: the number; of a group, the mean.
        error: its standard error; of a group, the standard deviation between its models.
        values: of a group, the number of each model that has it, by the name of the model.
        complete: whether every model of the group has the number.
    """

    value: float
    error: float | None = None
    values: Mapping[str, float] | None = None
    complete: bool = True

    def is_apart(self, other: Entry, error: Error) -> bool:
        """Whether another number differs by two standard errors of the difference, or more, or lacks models."""
        own, theirs = (each._standard_error(error) for each in (self, other))
        clear = abs(self.value - other.value) >= 2 * math.hypot(own, theirs) and self.value != other.value
        return clear or self.complete != other.complete

    def _standard_error(self, error: Error) -> float:
        """Return the standard error of the number; 0 where it is not known."""
        if self.error is None or not math.isfinite(self.error):
            return 0.0
        return self.error if error == "standard_error" else self.error / math.sqrt(max(1, len(self.values or ())))

    @classmethod
    def of_group(cls, values: Mapping[str, float], size: int | None = None) -> Entry:
        """Return the mean of several models with the standard deviation between them.

        Args:
            size: the number of models of the group, with those that lack the number.

        Example:
            >>> entry = Entry.of_group({"a": 1.0, "b": 3.0})
            >>> entry.value, round(entry.error, 4), Entry.of_group({"a": 1.0}).error
            (2.0, 1.4142, None)
        """
        numbers, complete = [float(value) for value in values.values()], size in (None, len(values))
        if len(numbers) == 1:
            return cls(next(iter(values.values())), None, dict(values), complete)
        finite = all(map(math.isfinite, numbers))
        mean, error = (statistics.fmean(numbers), statistics.stdev(numbers)) if finite else (math.nan, math.nan)
        return cls(mean, error, dict(values), complete)


@dataclass(frozen=True)
class Row:
    """A metric with its number for each column, None where it does not apply."""

    key: str
    heading: str
    better: Better | None
    entries: tuple[Entry | None, ...]

    def ranked(self) -> list[int]:
        """Return the columns with a finite value, the best first.

        A group in which every model has the number comes before one in which some lack it, such as runs that failed.
        """
        sign = -1 if self.better == "higher" else 1
        places = {
            column: (not entry.complete, sign * entry.value)
            for column, entry in enumerate(self.entries)
            if entry is not None and math.isfinite(entry.value)
        }
        return sorted(places, key=places.__getitem__)

    def best(self) -> set[int]:
        """Return the columns with the best value: none if neither direction is better, or all are equal."""
        ranked = self.ranked()
        entries = {column: entry for column in ranked if (entry := self.entries[column]) is not None}
        if self.better is None or len({entry.value for entry in entries.values()}) < 2:
            return set()
        first = entries[ranked[0]]
        return {
            column
            for column, entry in entries.items()
            if (entry.complete, entry.value) == (first.complete, first.value)
        }

    def marked(self, error: Error) -> set[int]:
        """Return the columns that are not clearly worse than the best: none if that is every column.

        Two numbers differ clearly if they are two standard errors of their difference apart, or more.

        Args:
            error: what the errors of the entries are.
        """
        best = self.best()
        if not best:
            return set()
        first = self.entries[min(best)]
        known = {column: entry for column in self.ranked() if (entry := self.entries[column]) is not None}
        found = {column for column, entry in known.items() if first is not None and not entry.is_apart(first, error)}
        return set() if len(found) == len(known) else found | best


@dataclass(frozen=True)
class MetricTable:
    """A row for each metric, a column for each model or group of models.

    Attributes:
        columns: the names of the models or groups.
        error: the meaning of ±.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    error: Error = "standard_error"

    @classmethod
    def of_models(cls, records: Mapping[str, Mapping[str, Any]]) -> MetricTable:
        """Return the table of models, each given by the content of its ``evaluation.json``."""
        return _table(
            {name: {name: record} for name, record in records.items()},
            lambda found, _: Entry(*next(iter(found.values()))),
            "standard_error",
        )

    @classmethod
    def of_groups(cls, groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> MetricTable:
        """Return the table of groups of models: mean and standard deviation of each metric.

        Args:
            groups: by the name of the group and that of the model, the content of its ``evaluation.json``.
        """
        return _table(
            groups,
            lambda found, size: Entry.of_group({name: value for name, (value, _) in found.items()}, size),
            "standard_deviation",
        )

    def row(self, key: str, where: str) -> Row:
        """Return the row of a metric.

        Raises:
            InputError: nothing of this name was measured.
        """
        for row in self.rows:
            if row.key == key:
                return row
        problem, remedy = unknown_name("result", key, [row.key for row in self.rows])
        raise InputError(problem, where=where, remedy=remedy)

    def order(self, key: str, where: str = "sort") -> list[int]:
        """Return the columns with the best value of a metric first, and those without it last.

        Raises:
            InputError: nothing of this name was measured, or neither direction of it is better.
        """
        row = self.row(key, where)
        if row.better is None:
            raise InputError(
                f"neither higher nor lower values of {key!r} are better", where=where, remedy="Choose another result."
            )
        ranked = row.ranked()
        return [*ranked, *(column for column in range(len(self.columns)) if column not in ranked)]

    def in_order(self, order: Sequence[int]) -> MetricTable:
        """Return the table with its columns in another order."""
        rows = (Row(r.key, r.heading, r.better, tuple(r.entries[column] for column in order)) for r in self.rows)
        return MetricTable(tuple(self.columns[column] for column in order), tuple(rows), self.error)

    def only(self, *keys: str) -> MetricTable:
        """Return the rows of some metrics, if they exist."""
        return MetricTable(self.columns, tuple(row for row in self.rows if row.key in keys), self.error)

    def cells(self, *, mark: str = "{}") -> list[list[str]]:
        """Return the rows as text: the heading, then each number with its error.

        Args:
            mark: a format for the best number of a row, and those that are not clearly worse.
        """
        lines = []
        for row in self.rows:
            best = row.marked(self.error)
            texts = [MISSING if each is None else value_with_error(each.value, each.error) for each in row.entries]
            lines.append([row.heading, *(mark.format(t) if n in best else t for n, t in enumerate(texts))])
        return lines

    def to_text(self, title: str) -> str:
        """Return the table in lines of at most 100 letters: as many columns as fit beside each other, then the rest."""
        cells, lines = self.cells(mark="{} *"), [title]
        heading = 2 + max(_LEAST_HEADING, *(len(row[0]) for row in cells)) if cells else 2 + _LEAST_HEADING
        start = 0
        while start < len(self.columns):
            widths: list[int] = []
            for column in range(start, len(self.columns)):
                width = 2 + max(_LEAST_WIDTH, len(self.columns[column]), *(len(row[1 + column]) for row in cells), 0)
                if widths and 2 + heading + sum(widths) + width > WIDTH:
                    break
                widths.append(width)
            shown = range(start, start + len(widths))
            head = ["", *(self.columns[column] for column in shown)]
            lines += [""] if start else []
            lines += [
                f"  {name:<{heading}}" + "".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
                for name, *row in [head, *([row[0], *(row[1 + column] for column in shown)] for row in cells)]
            ]
            start += len(widths)
        marked = any(row.marked(self.error) for row in self.rows)
        return "\n".join([*lines, *([f"  * {_MARKED}"] if marked else [])])

    def to_csv(self, labels: Sequence[Mapping[str, Any]] | None = None) -> str:
        """Return a line for each column of the table with every number in full digits, its error beside it.

        Args:
            labels: properties of each column, in place of its name.
        """
        names: dict[str, None] = {}
        lines = []
        for column, name in enumerate(self.columns):
            line: dict[str, Any] = dict(labels[column]) if labels is not None else {self._what: name}
            for row in self.rows:
                entry = row.entries[column]
                if entry is not None:
                    line[row.key] = entry.value
                    if entry.error is not None:
                        line[f"{row.key}_{self.error}"] = entry.error
            names |= dict.fromkeys(line)
            lines.append(line)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        return text.getvalue()

    def to_html(self, title: str) -> str:
        """Return a page with the table, the best values of each row in bold; it contacts no other host."""
        escaped = MetricTable(
            tuple(map(escape, self.columns)),
            tuple(Row(row.key, escape(row.heading), row.better, row.entries) for row in self.rows),
            self.error,
        )
        shown = table(["Metric", *escaped.columns], escaped.cells(mark="<b>{}</b>"), title)
        words = f"Bold: {_MARKED}. {_WORDS[self.error]}"
        body = f'<main><section><h2>{escape(title)}</h2><p>{words}</p><div class="wide">{shown}</div></section></main>'
        return document(title, body)

    def to_markdown(self, *, mark: str = "{}") -> str:
        """Return the table in Markdown.

        Args:
            mark: a format for the best number of a row.
        """
        lines = [["metric", *self.columns], ["---", *["---:"] * len(self.columns)], *self.cells(mark=mark)]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    @property
    def _what(self) -> str:
        return "model" if self.error == "standard_error" else "group"


def _table(groups: Mapping[str, Mapping[str, Mapping[str, Any]]], entry: Any, error: Error) -> MetricTable:
    """Return a table whose entries are made of the numbers and standard errors of the models of a group."""
    found: dict[str, dict[str, dict[str, tuple[float, float | None]]]] = {}
    first: dict[str, Measurement] = {}
    for group, records in groups.items():
        for name, record in records.items():
            for each in measurements_of(record):
                if is_number(each.value):
                    first.setdefault(each.key, each)
                    number = each.value, each.standard_error
                    found.setdefault(each.key, {}).setdefault(group, {})[name] = number  # type: ignore[assignment]
    rows = (
        Row(
            key,
            row_heading(each),
            each.result.better,
            tuple(entry(found[key][group], len(groups[group])) if group in found[key] else None for group in groups),
        )
        for key, each in first.items()
    )
    return MetricTable(tuple(groups), tuple(rows), error)
