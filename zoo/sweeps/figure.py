"""The figure of a sweep: the metric to rank by, differences by seed, and rate against distortion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure

from zoo.drawing.style import class_colour, ink, new_figure
from zoo.metrics.elbo import KL, RECONSTRUCTION
from zoo.report.metric_table import Entry, MetricTable, Row
from zoo.sweeps.results import Sweep

_MOST_LABELS = 12
"""The largest number of labels on an axis of combinations."""
_LOG_FACTOR = 8
"""The ratio of the largest to the smallest value from which the axis is logarithmic."""


def plot_sweep(sweep: Sweep) -> MatplotlibFigure | None:
    """Return the figure of a sweep; None if no run has the metric to rank by.

    Each point is a run. A marker with a bar is the mean of a combination with its standard deviation over the seeds;
    a ring marks the best combination.
    """
    if sweep.best is None:
        return None
    places = _places(sweep)
    rate, distortion = (_row(sweep.table, result.name) for result in (KL, RECONSTRUCTION))
    paired = _row(sweep.differences, sweep.metric.name) is not None and len(sweep.spec.seeds) > 1
    panels = 1 + paired + (rate is not None and distortion is not None)
    figure = new_figure(4.2 * panels, 3.6)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    ranking = _row(sweep.table, sweep.metric.name)
    assert ranking is not None  # because there is a best combination
    _draw_values(axes.pop(0), sweep, places, ranking, ranking.heading)
    if paired:
        row = _with_zero(_row(sweep.differences, sweep.metric.name), sweep)
        panel = axes.pop(0)
        _draw_values(panel, sweep, places, row, f"difference from {sweep.best}, by seed")
        panel.axhline(0, color=ink(), linewidth=0.8, linestyle=":")
    if rate is not None and distortion is not None:
        _draw_rates(axes.pop(0), sweep, rate, distortion, places)
    return figure


def _row(table: MetricTable, key: str) -> Row | None:
    return next((row for row in table.rows if row.key == key and any(row.entries)), None)


def _with_zero(row: Row | None, sweep: Sweep) -> Row:
    """Return differences with a zero for the best combination."""
    assert row is not None  # because there are several combinations
    zero = Entry(0.0, None, dict.fromkeys(map(str, sweep.spec.seeds), 0.0))
    columns = zip(sweep.table.columns, row.entries, strict=True)
    entries = tuple(zero if label == sweep.best else entry for label, entry in columns)
    return Row(row.key, row.heading, row.better, entries)


def _places(sweep: Sweep) -> Sequence[float] | None:
    """Return the value of each combination, if a single field varies over numbers; else None."""
    if len(sweep.spec.grid) != 1:
        return None
    values = [next(iter(runs[0].choice.values.values())) for runs in sweep.groups.values()]
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if numbers else None


def _draw_values(axes: Axes, sweep: Sweep, places: Sequence[float] | None, row: Row, label: str) -> None:
    """Draw a metric with a point per run; a line joins the runs of a seed if the values have an order."""
    at = list(range(len(row.entries))) if places is None else places
    order = sorted(range(len(at)), key=at.__getitem__)
    for seed in sweep.spec.seeds:
        points = [(at[n], value) for n in order if (value := _of_seed(row.entries[n], seed)) is not None]
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.plot(x, y, ".-" if places is not None else ".", color="0.6", linewidth=0.6, markersize=4, zorder=1)
    for n, entry in enumerate(row.entries):
        if entry is not None and math.isfinite(entry.value):
            _draw_mean(axes, n, sweep, at[n], entry.value, yerr=entry.error)
    axes.set(ylabel=label)
    axes.grid(alpha=0.3)
    if places is None:
        _label_combinations(axes, sweep)
        return
    axes.set_xlabel(next(iter(sweep.spec.short_names.values())))
    positive = [place for place in places if place > 0]
    if len(positive) == len(places) and max(places) >= _LOG_FACTOR * min(places):
        axes.set_xscale("log")
        axes.set_xticks(sorted(places), [f"{place:g}" for place in sorted(places)])
        axes.minorticks_off()


def _label_combinations(axes: Axes, sweep: Sweep) -> None:
    labels = list(sweep.groups)
    step = -(-len(labels) // _MOST_LABELS)
    axes.set_xticks(range(0, len(labels), step), labels[::step], rotation=30, ha="right", fontsize="small")


def _draw_mean(axes: Axes, index: int, sweep: Sweep, x: float, y: float, **errors: float | None) -> None:
    """Draw the mean of a combination with its standard deviation, and a ring if it is the best."""
    is_best = list(sweep.groups)[index] == sweep.best
    bars: Mapping[str, Any] = {name: error for name, error in errors.items() if error is not None}
    axes.errorbar(x, y, **bars, fmt="o", color=class_colour(index), markersize=6, capsize=3, zorder=3)
    if is_best:
        axes.plot(x, y, "o", markersize=13, markerfacecolor="none", markeredgecolor=ink(), zorder=4)


def _draw_rates(axes: Axes, sweep: Sweep, rate: Row, distortion: Row, places: Sequence[float] | None) -> None:
    """Draw the distortion −E log p(x|z) against the rate, the KL divergence, with lines of equal ELBO.

    If a single field varies over numbers, a grey line joins the combinations in the order of its values.

    Source:
        Alemi et al. (2018), Fixing a Broken ELBO. https://arxiv.org/abs/1711.00464
    """
    means: dict[int, tuple[float, float]] = {}
    for n, (label, x, y) in enumerate(zip(sweep.groups, rate.entries, distortion.entries, strict=True)):
        if x is None or y is None or not (math.isfinite(x.value) and math.isfinite(y.value)):
            continue
        runs = [(_of_seed(x, seed), _of_seed(y, seed)) for seed in sweep.spec.seeds]
        pairs = [(a, b) for a, b in runs if a is not None and b is not None]
        axes.plot(*zip(*pairs, strict=True), ".", color=class_colour(n), markersize=4, alpha=0.6)
        _draw_mean(axes, n, sweep, x.value, y.value, xerr=x.error, yerr=y.error)
        means[n] = x.value, y.value
        if len(sweep.groups) <= _MOST_LABELS:
            axes.annotate(label, (x.value, y.value), xytext=(6, 6), textcoords="offset points", fontsize="x-small")
    if places is not None:
        line = [means[n] for n in sorted(means, key=places.__getitem__)]
        axes.plot([x for x, _ in line], [y for _, y in line], "-", color="0.6", linewidth=0.8, zorder=1)
    axes.margins(x=0.18, y=0.12)  # room for the labels
    _draw_equal_bounds(axes)
    axes.set(xlabel=f"rate: {rate.heading}", ylabel=f"distortion: {distortion.heading}")


def _draw_equal_bounds(axes: Axes) -> None:
    """Draw lines on which rate and distortion have the same sum, the negative ELBO."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    count = 6
    for index in range(1, count):
        total = left + low + index * (right - left + high - low) / count
        axes.plot([left, right], [total - left, total - right], ":", color="0.7", linewidth=0.8, zorder=0)
    axes.set(xlim=(left, right), ylim=(low, high))
    axes.set_title("dotted: equal ELBO", fontsize="small")


def _of_seed(entry: Entry | None, seed: int) -> float | None:
    value = (entry.values or {}).get(str(seed)) if entry is not None else None
    return value if value is not None and math.isfinite(value) else None
