"""The loss curve and its terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import COLOURS, new_figure
from zoo.registry import register


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
        return plot_loss(context.history, context.model.objective.unit)


def plot_loss(history: Sequence[Mapping[str, Any]], unit: str) -> MatplotlibFigure:
    """Plot the terms of an epoch record over the epochs, a panel each."""
    names = list(history[0]["train"])
    figure = new_figure(3.2 * len(names), 2.8)
    epochs = [record["epoch"] for record in history]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for split, colour, style in (("train", COLOURS[0], "-"), ("validation", COLOURS[1], "--")):
            if split in history[0]:
                values = [record[split][name] for record in history]
                axes.plot(epochs, values, style, color=colour, label=split, marker="." if len(epochs) < 30 else None)
        axes.set(xlabel="epoch", ylabel=f"{name.replace('_', ' ')} [{unit}]" if name != unit else unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    return figure
