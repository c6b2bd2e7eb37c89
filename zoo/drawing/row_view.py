"""Rows of a table, or other vectors, by their columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.analysis.columns import Column, columns_of
from zoo.drawing.style import COLOURS, ink, new_figure, short_name
from zoo.drawing.view import View
from zoo.spec.data_description import DataDescription

_MOST_VALUES, _MOST_PANELS, _MOST_CATEGORIES = 12, 16, 12
"""Values in a strip, panels of a figure, categories of an axis."""
_FEWEST_BINS, _MOST_BINS = 8, 30
_PER_ROW = 4
_STRIP = 0.2
"""Inches of a value in a strip."""


class RowView(View):
    """Draws rows (d,) by their columns, with their names, in the units of the data.

    Args:
        data: what the model knows of its data.
    """

    noun = "row"
    columns = 12
    grid_size = 25

    def __init__(self, data: DataDescription) -> None:
        self.data = data
        self.names = data.value_names or tuple(f"x{place}" for place in range(1, data.shape[0] + 1))

    def sequences_size(self, rows: int, steps: int) -> tuple[float, float]:
        """Return inches: a line of a strip for each value."""
        return 0.4 * steps + 1.5, (_STRIP * min(len(self.names), _MOST_VALUES) + 0.25) * rows

    def draw_sequences(
        self, axes: Axes, sequences: Tensor, names: Sequence[str], ends: Sequence[str] | None = None
    ) -> None:
        """Draw a strip for each sequence: how far each value is from its mean in the strip, as a colour."""
        rows, steps, _ = sequences.shape
        changes = sequences - sequences.mean(1, keepdim=True)
        chosen = changes.square().mean((0, 1)).argsort(descending=True)[:_MOST_VALUES].sort().values
        shown = changes[:, :, chosen].transpose(1, 2).numpy()  # (R, V, S)
        bound = float(np.abs(shown).max()) or 1.0
        places, labels = [], []
        for row in range(rows):
            top = -row * (len(chosen) + 1.2)
            image = axes.imshow(
                shown[row],
                cmap="RdBu_r",
                vmin=-bound,
                vmax=bound,
                extent=(-0.5, steps - 0.5, top - len(chosen), top),
                aspect="auto",
                interpolation="nearest",
            )
            places += [top - place - 0.5 for place in range(len(chosen))]
            labels += [short_name(self.names[value]) for value in chosen.tolist()]
            words = names[row].replace("\n", ", ") + ("" if ends is None else f" to {ends[row]}")
            axes.text(-0.5, top + 0.15, words, fontsize="small", va="bottom")
        axes.set(xlim=(-0.5, steps - 0.5), ylim=(-rows * (len(chosen) + 1.2) + 1.2, 1.2), xticks=[])
        axes.set_yticks(places, labels, fontsize="x-small")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = axes.figure.colorbar(image, ax=axes, shrink=min(1.0, 3 / rows), pad=0.02)
        standardised = self.data.scaling.name == "standardise"
        bar.set_label("change" + (" [standard deviations]" if standardised else ""), fontsize="small")

    def reconstructions(
        self, inputs: Tensor, outputs: Tensor, spread: Tensor | None, titles: Sequence[str], columns: int
    ) -> MatplotlibFigure:
        """Return a panel for each column: numbers against their reconstructions, categories as shares of each."""
        pairs = list(zip(columns_of(inputs, self.data), columns_of(outputs, self.data), strict=True))[:_MOST_PANELS]
        figure, panels = _panels(len(pairs))
        for axes, (given, again) in zip(panels, pairs, strict=True):
            (_confusion if given.categories else _scatter)(axes, given, again)
        figure.supxlabel("input", fontsize="medium")
        figure.supylabel("reconstruction", fontsize="medium")
        return figure

    def samples(self, sets: Mapping[str, Tensor]) -> MatplotlibFigure:
        """Return a panel for each column with its distribution in each set; two values as points."""
        columns = {name: columns_of(values, self.data)[:_MOST_PANELS] for name, values in sets.items()}
        first = next(iter(columns.values()))
        if self.data.shape == (2,) and not any(column.categories for column in first):
            return plot_points(sets, self.names)
        figure, panels = _panels(len(first))
        for place, axes in enumerate(panels):
            draw_marginals(axes, {name: each[place] for name, each in columns.items()})
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=min(4, len(names)), fontsize="small")
        figure.supylabel("share of the rows", fontsize="small")
        return figure

    def grid(self, decoded: Tensor, codes: Tensor) -> MatplotlibFigure:
        """Return a panel for each value: what is decoded over the plane, as a colour."""
        size = math.isqrt(len(codes))
        across, up = codes.view(size, size, 2)[0, :, 0].numpy(), codes.view(size, size, 2)[:, 0, 1].numpy()
        columns = [each for each in columns_of(decoded, self.data) if not each.categories]
        places = [place for place, name in enumerate(self.names) if name not in {each.name for each in columns}]
        # Of categories, the probability of each.
        columns += [Column(f"p({self.names[place]})", decoded[:, place].double().numpy()) for place in places]
        figure, panels = _panels(len(columns[:_MOST_PANELS]))
        for axes, column in zip(panels, columns, strict=False):
            image = axes.pcolormesh(across, up, column.values.reshape(size, size), cmap="viridis", shading="nearest")
            axes.set_title(short_name(column.name), fontsize="small")
            bar = figure.colorbar(image, ax=axes)
            bar.ax.tick_params(labelsize="x-small")
            if column.kind == "date":
                bar.ax.yaxis.set_major_locator(AutoDateLocator(maxticks=4))
                bar.ax.yaxis.set_major_formatter(ConciseDateFormatter(bar.ax.yaxis.get_major_locator()))
        figure.supxlabel("$z_1$", fontsize="medium")
        figure.supylabel("$z_2$", fontsize="medium")
        return figure


def plot_points(sets: Mapping[str, Tensor], names: Sequence[str]) -> MatplotlibFigure:
    """Plot sets of points (N, 2) beside each other on the same axes."""
    figure = new_figure(3.5 * len(sets), 3.6)
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for place, (axes, (title, points)) in enumerate(zip(panels, sets.items(), strict=True)):
        axes.plot(*points.T.numpy(), ".", markersize=2, alpha=0.5, color=COLOURS[place % len(COLOURS)])
        axes.set_title(title, parse_math=False)
        axes.set(xlabel=short_name(names[0]), aspect="equal")
    panels[0].set_ylabel(short_name(names[1]))
    return figure


def draw_marginals(axes: Axes, columns: Mapping[str, Column]) -> None:
    """Draw the distributions of one column in several sets over each other, such as data and samples.

    Args:
        columns: by the name of the set; the first decides the range of the axis.
    """
    first = next(iter(columns.values()))
    axes.set_title(short_name(first.name), fontsize="small")
    axes.tick_params(labelsize="x-small")
    sets = [
        (name, column.values[np.isfinite(column.values)], COLOURS[place % len(COLOURS)])
        for place, (name, column) in enumerate(columns.items())
    ]
    if first.categories:
        order = np.argsort(-np.bincount(sets[0][1].astype(int), minlength=len(first.categories)), kind="stable")
        order, width = order[:_MOST_CATEGORIES], 0.8 / len(sets)
        for place, (name, values, colour) in enumerate(sets):
            counts = np.bincount(values.astype(int), minlength=len(first.categories)) / max(1, len(values))
            at = np.arange(len(order)) + width * (place + 0.5) - 0.4
            axes.bar(at, counts[order], width, color=colour, label=name)
        _name_categories(axes.xaxis, [first.categories[code] for code in order])
        return
    # A few extremes of the samples would squeeze the rest into one bar.
    known = next((values for _, values, _ in sets if len(values)), sets[0][1])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = 0.15 * (high - low) or 0.5
    bins = int(np.clip(2 * math.sqrt(len(known)), _FEWEST_BINS, _MOST_BINS))
    edges = np.linspace(low - margin, high + margin, bins + 1).tolist()
    for name, values, colour in sets:
        weights = np.full(len(values), 1 / max(1, len(values)))
        axes.hist(values, bins=edges, weights=weights, histtype="step", color=colour, linewidth=1.3, label=name)
    if first.kind == "date":
        name_dates(axes.xaxis)


def _scatter(axes: Axes, given: Column, again: Column) -> None:
    """Draw numbers against their reconstructions, with the diagonal and the error."""
    seen = np.isfinite(given.values) & np.isfinite(again.values)
    x, y = given.values[seen], again.values[seen]
    axes.plot(x, y, ".", markersize=3, alpha=0.5, color=COLOURS[0], rasterized=len(x) > 1000)
    axes.tick_params(labelsize="x-small")
    error = float(np.sqrt(np.mean((x - y) ** 2))) if len(x) else math.nan
    axes.set_title(
        f"{short_name(given.name)}\nerror {error:.3g}" + (" days" if given.kind == "date" else ""), fontsize="small"
    )
    if len(x):
        ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
        axes.plot(ends, ends, "--", color=ink(), linewidth=0.8)
    if given.kind == "date":
        for axis in (axes.xaxis, axes.yaxis):
            name_dates(axis)


def _confusion(axes: Axes, given: Column, again: Column) -> None:
    """Draw which categories are reconstructed as which, as shares of each category of the input."""
    seen = np.isfinite(given.values)
    codes, found = given.values[seen].astype(int), np.nan_to_num(again.values[seen]).astype(int)
    order = np.argsort(-np.bincount(codes, minlength=len(given.categories)), kind="stable")[:_MOST_CATEGORIES]
    counts = np.zeros((len(given.categories),) * 2)
    np.add.at(counts, (found, codes), 1)
    shares = counts / np.maximum(1, counts.sum(0))
    axes.imshow(shares[np.ix_(order, order)], vmin=0, vmax=1, cmap="Blues", aspect="auto", origin="lower")
    right = float((codes == found).mean()) if len(codes) else math.nan
    axes.set_title(f"{short_name(given.name)}\n{right:.0%} right", fontsize="small")
    names = [given.categories[code] for code in order]
    for axis in (axes.xaxis, axes.yaxis):
        _name_categories(axis, names)


def _panels(count: int) -> tuple[MatplotlibFigure, list[Axes]]:
    """Return a figure with a number of panels, some in a row."""
    across = min(count, _PER_ROW if count != 5 and count != 6 else 3)
    down = -(-count // across)
    figure = new_figure(2.5 * across + 0.5, 2.2 * down + 0.6)
    panels = figure.subplots(down, across, squeeze=False).flatten().tolist()
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def _name_categories(axis: Any, names: Sequence[str]) -> None:
    rotation = {"rotation": 90} if axis.axis_name == "x" and max(map(len, names), default=0) * len(names) > 18 else {}
    axis.set_ticks(range(len(names)), [short_name(name, 12) for name in names], fontsize="x-small", **rotation)


def name_dates(axis: Any) -> None:
    locator = AutoDateLocator(minticks=2, maxticks=4)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))
