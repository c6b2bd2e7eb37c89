"""Pairs of columns of data and samples."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from matplotlib.axes import Axes
from pydantic import Field, PositiveInt

from zoo.analysis.columns import Column, columns_of
from zoo.drawing.row_view import draw_marginals, name_dates
from zoo.drawing.style import COLOURS, new_figure, short_name
from zoo.errors import NotApplicableError
from zoo.evaluation.sampling import SourceName, check_source, draw_samples, source_named
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

_FEWEST = 3


@register("figure", "pairs")
class Pairs(Figure):
    """Each pair of numeric columns of a table: data as points below the diagonal, samples above it.

    The diagonal shows the distributions of both. Choose it to see whether samples keep the shape in which two
    columns depend on each other; ``correlations`` shows all columns at once.

    Args:
        columns: how many columns are shown at most, those that are correlated most in the data.
        count: points in a panel at most.
        source: ``prior``, or ``fitted`` for a prior fitted to the codes of the training data.
    """

    def __init__(
        self,
        *,
        columns: Annotated[int, Field(ge=2)] = 5,
        count: PositiveInt = 1000,
        source: SourceName = "prior",
    ) -> None:
        self.columns, self.count, self.source = columns, count, source_named(source)

    def check(self, context: EvaluationContext) -> None:
        """Require rows with at least three numeric columns, and what the source needs."""
        context.require_rows()
        numeric = _numeric(columns_of(context.split.examples(torch.arange(1)), context.model.data))
        if len(numeric) < _FEWEST:
            raise NotApplicableError(f"the data have {len(numeric)} numeric columns, fewer than {_FEWEST}")
        check_source(context, self.source)

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a square of panels."""
        model, count = context.model, min(self.count, len(context.split))
        labels = context.split.labels[:count].cpu() if model.classes and context.split.labels is not None else None
        drawn = draw_samples(context, self.source, count, labels=labels, noise=True)
        data = _numeric(columns_of(context.split.examples(torch.arange(count)), model.data))
        samples = _numeric(columns_of(drawn, model.data))
        chosen = _most_correlated(data, self.columns)
        return plot_pairs([data[place] for place in chosen], [samples[place] for place in chosen])


def plot_pairs(data: list[Column], samples: list[Column]) -> MatplotlibFigure:
    """Plot columns of data below the diagonal and of samples above it."""
    size = len(data)
    figure = new_figure(1.8 * size + 0.8, 1.7 * size + 0.7)
    grid = figure.subplots(size, size, squeeze=False, sharex="col")
    for row in range(size):
        for column in range(size):
            axes = grid[row, column]
            axes.tick_params(labelsize="x-small")
            if row == column:
                draw_marginals(axes, {"data": data[row], "samples": samples[row]})
                axes.set_title("")
                axes.set_yticks([])
            else:
                of_data = row > column
                shown, colour = (data, COLOURS[0]) if of_data else (samples, COLOURS[1])
                axes.plot(shown[column].values, shown[row].values, ".", markersize=2, alpha=0.5, color=colour)
                _same_limits(axes, data[row], samples[row])
                if data[row].kind == "date":
                    name_dates(axes.yaxis)
                axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel(short_name(data[row].name, 18), fontsize="small")
            if row == size - 1:
                axes.set_xlabel(short_name(data[column].name, 18), fontsize="small")
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=2, fontsize="small")
    return figure


def _same_limits(axes: Axes, data: Column, samples: Column) -> None:
    """Give the panels of data and of samples in a row the limits of the data, with some room."""
    values = data.values[np.isfinite(data.values)]
    values = values if len(values) else samples.values[np.isfinite(samples.values)]
    if len(values):
        room = 0.15 * float(values.max() - values.min()) or 0.5
        axes.set_ylim(float(values.min()) - room, float(values.max()) + room)


def _numeric(columns: list[Column]) -> list[Column]:
    return [column for column in columns if not column.categories]


def _most_correlated(columns: list[Column], count: int) -> list[int]:
    """Return the places of the columns that are correlated most with another one, in their order."""
    values = np.stack([column.values for column in columns], 1)
    complete = values[np.isfinite(values).all(1)]
    if len(columns) <= count or len(complete) < 3:
        return list(range(min(count, len(columns))))
    spread = complete.std(0)
    scaled = (complete - complete.mean(0)) / np.where(spread > 0, spread, 1.0)
    strength = np.abs(scaled.T @ scaled) / len(complete)
    np.fill_diagonal(strength, 0.0)
    return sorted(np.argsort(-strength.max(1), kind="stable")[:count].tolist())
