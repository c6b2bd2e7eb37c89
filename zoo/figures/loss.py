"""The loss curve and its terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from zoo.drawing.style import COLOURS, new_figure, short_name
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

_COLUMNS = 4
_MOST_PANELS = 64
_LARGEST = 1e100
"""Larger values are left out: the ticks of an axis cannot be computed for them."""


@register("figure", "loss")
class LossCurves(Figure):
    """The loss and each of its terms over the epochs, on training and validation data."""

    def __init__(self) -> None:
        pass

    def check(self, context: EvaluationContext) -> None:
        """Require the record of the training."""
        if not context.history:
            raise NotApplicableError("there is no record of the model's training")

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a panel for each term."""
        return plot_loss(context.history, context.model.unit_of)


def plot_loss(history: Sequence[Mapping[str, Any]], unit_of: Callable[[str], str | None]) -> MatplotlibFigure:
    """Plot the terms of an epoch record over the epochs, a panel each, then the losses of adversaries; 64 at most."""
    terms: list[tuple[str, str, tuple[str, ...]]] = [
        (name, _label(name, unit_of(name)), ("train", "validation")) for name in history[0]["train"]
    ]
    terms += [
        (name, f"loss of the adversary {_label(name, None)}", ("adversaries",))
        for name in history[0].get("adversaries", {})
    ]
    terms = terms[:_MOST_PANELS]
    columns = min(_COLUMNS, len(terms))
    rows = -(-len(terms) // columns)
    figure = new_figure(3.2 * columns, 2.8 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, (name, label, splits) in zip(grid, terms, strict=False):
        for split, colour, style in zip(splits, COLOURS, ("-", "--"), strict=False):
            epochs = [record["epoch"] for record in history if name in record.get(split, {})]
            values = [_drawable(record[split][name]) for record in history if name in record.get(split, {})]
            if values:
                axes.plot(epochs, values, style, color=colour, label=split, marker="." if len(epochs) < 30 else None)
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    for axes in grid[len(terms) :]:
        axes.remove()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), fontsize="small")
    return figure


def _drawable(value: float) -> float:
    return value if abs(value) < _LARGEST else math.nan


def _label(name: str, unit: str | None) -> str:
    words = short_name(name, 60).replace("_", " ").replace(".", " ")
    return words if unit in (None, words) else f"{words} [{unit}]"
