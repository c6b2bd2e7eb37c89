"""The results of a sweep: mean and standard deviation of each combination, the best one, differences by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from zoo.report.metric_table import Entry, MetricTable, Row
from zoo.sweeps.axes import Choice
from zoo.sweeps.directory import SweepDirectory
from zoo.sweeps.spec import MetricSpec, SweepSpec

_NO_NUMBERS: Mapping[str, Any] = {"metrics": {}}
RunState = Literal["waiting", "done", "failed"]


@dataclass
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: the name of its directory.
        choice: the values of the varied fields.
        seed: the seed of the run.
        path: its directory, which ``zoo.load`` opens when the run is done.
        state: ``done``, ``failed``, or ``waiting`` if it has not ended yet.
        problem: why it failed.
        record: the content of its ``evaluation.json``, with the metric to rank by first.
    """

    name: str
    choice: Choice
    seed: int
    path: Path
    state: RunState = "waiting"
    problem: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Sweep:
    """The results of a sweep.

    Attributes:
        path: its directory.
        spec: the recipe, the varied fields, the seeds and the search.
        runs: each run with its state and its metrics.
    """

    path: Path
    spec: SweepSpec
    runs: list[SweepRun] = field(repr=False)

    def __repr__(self) -> str:
        """Return one line: the directory, the number of finished runs, and the best combination."""
        done = sum(run.state == "done" for run in self.runs)
        best = f", best {self.best}" if self.best is not None else ""
        return f"Sweep({str(self.path)!r}: {done} of {len(self.runs)} runs done{best})"

    @property
    def failed(self) -> list[SweepRun]:
        """The runs that failed."""
        return [run for run in self.runs if run.state == "failed"]

    @cached_property
    def groups(self) -> dict[str, list[SweepRun]]:
        """The runs of each combination, by its label."""
        groups: dict[str, list[SweepRun]] = {}
        for run in self.runs:
            groups.setdefault(self.spec.label(run.choice), []).append(run)
        return groups

    @cached_property
    def table(self) -> MetricTable:
        """A row for each metric with its mean and standard deviation over the seeds for each combination."""
        return MetricTable.of_groups(
            {
                label: {str(run.seed): run.record if run.state == "done" else _NO_NUMBERS for run in runs}
                for label, runs in self.groups.items()
            }
        )

    @cached_property
    def best(self) -> str | None:
        """The label of the combination with the best mean; None if no run has the metric.

        A combination that has the metric for all its seeds ranks before one that lacks it for some, as in the table.
        """
        row = next((row for row in self.table.rows if row.key == self.metric.name), None)
        ranked = [] if row is None else replace(row, better=self.metric.better).ranked()
        return self.table.columns[ranked[0]] if ranked else None

    @property
    def metric(self) -> MetricSpec:
        """The metric by which the sweep ranks its runs."""
        return self.spec.metric

    @cached_property
    def differences(self) -> MetricTable:
        """A row for each metric with its differences from the best combination, between runs of the same seed.

        Effects that all combinations share for a seed, such as those of the order of the data, cancel in them.
        """
        reference = None if self.best is None else self.table.columns.index(self.best)
        rows = []
        for row in self.table.rows if reference is not None else ():
            of_best = row.entries[reference]  # type: ignore[index]
            entries = tuple(
                None if column == reference else _difference(entry, of_best) for column, entry in enumerate(row.entries)
            )
            rows.append(Row(row.key, row.heading, None, entries))
        return MetricTable(self.table.columns, tuple(rows), "standard_deviation")

    def to_dict(self) -> dict[str, Any]:
        """Return all results as plain data, the content of ``sweep.json``."""
        columns = {label: column for column, label in enumerate(self.table.columns)}
        return {
            "metric": self.metric.model_dump(),
            "best": self.best,
            "seeds": list(self.spec.seeds),
            "search": self.spec.search.model_dump(),
            "cells": [
                {
                    "name": label,
                    "values": dict(runs[0].choice.values),
                    "runs": [
                        {
                            "seed": run.seed,
                            "path": f"runs/{run.name}",
                            "state": run.state,
                            **({} if run.problem is None else {"problem": run.problem}),
                        }
                        for run in runs
                    ],
                    "metrics": _facts(self.table, columns[label]),
                    "differences": _facts(self.differences, columns[label]),
                }
                for label, runs in self.groups.items()
            ],
        }

    def to_csv(self) -> str:
        """Return CSV with a line for each combination: its values, then mean and standard deviation of each metric.

        A column of values has the short name of its field, or the path if a metric has that name.
        """
        metrics = {row.key for row in self.table.rows}
        names = {path: path if short in metrics else short for path, short in self.spec.short_names.items()}
        choices = (runs[0].choice for runs in self.groups.values())
        return self.table.to_csv([{names[path]: value for path, value in each.values.items()} for each in choices])


def _difference(entry: Entry | None, reference: Entry | None) -> Entry | None:
    """Return the differences between two entries for the seeds that both have."""
    if entry is None or reference is None:
        return None
    ours, theirs = entry.values or {}, reference.values or {}
    shared = {seed: value - theirs[seed] for seed, value in ours.items() if seed in theirs}
    return Entry.of_group(shared) if shared else None


def _facts(table: MetricTable, column: int) -> dict[str, Any]:
    return {
        row.key: {"mean": entry.value, "standard_deviation": entry.error, "by_seed": dict(entry.values or {})}
        for row in table.rows
        if (entry := row.entries[column]) is not None
    }


def read_run(directory: SweepDirectory, spec: SweepSpec, run: SweepRun) -> bool:
    """Read the metrics of a run if it is finished; return whether it is.

    The record lacks the metric to rank by if that does not apply to the run, such as a bound for an autoencoder.

    Raises:
        CheckpointError: a file of the run is damaged.
    """
    files = directory.run(run.name)
    evaluation = files.read_evaluation() if files.exists() else None
    if evaluation is None:
        return False
    term = spec.metric.term
    split, value = ("", None) if term is None else _best_value(files.training.read_metrics(), term)
    if value is not None:
        evaluation = _with_term(evaluation, spec.metric, split, value)
    run.state, run.problem, run.record = "done", None, evaluation
    return True


def _best_value(history: Sequence[Mapping[str, Any]], term: str) -> tuple[str, float | None]:
    """Return the split, validation data or else training data, and the value of a term there after the best epoch.

    The value is None if the loss has no such term.
    """
    best = next((each for each in reversed(history) if each.get("best")), history[-1] if history else {})
    split = "validation" if "validation" in best else "train"
    terms: Mapping[str, float] = best.get(split, {})
    return split, terms.get(term)


def _with_term(evaluation: Mapping[str, Any], metric: MetricSpec, split: str, value: float) -> dict[str, Any]:
    """Return a record with the metric to rank by added as the first one."""
    details = {
        "result": metric.name,
        "title": f"{str(metric.term).replace('_', ' ')}, {'validation' if split == 'validation' else 'training'}",
        "better": metric.better,
        **({} if metric.unit is None else {"unit": metric.unit}),
    }
    return {
        **evaluation,
        "metrics": {metric.name: value, **evaluation["metrics"]},
        "details": {metric.name: details, **evaluation.get("details", {})},
    }
