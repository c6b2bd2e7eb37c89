"""Samples of a model."""

from __future__ import annotations

import torch
from pydantic import PositiveInt

from zoo.drawing.views import view_of
from zoo.evaluation.sampling import SourceName, check_source, draw_samples, source_named
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "samples")
class Samples(Figure):
    """Samples of the model, of tables and series beside data.

    Images are drawn in a grid, a row for each class of a conditional model. Series are lines over the band that holds
    90 % of the values at each step. Of tables, each column has a panel with the distributions of data and samples.
    Points in the plane are drawn as points.

    Args:
        count: number of images, or a hundredth of the number of series or rows.
        source: ``prior``, or ``fitted`` for a prior fitted to the codes of the training data.
    """

    def __init__(self, *, count: PositiveInt = 100, source: SourceName = "prior") -> None:
        self.count, self.source = count, source_named(source)

    def check(self, context: EvaluationContext) -> None:
        """Require data that can be drawn, and what the source needs."""
        view_of(context.model)
        check_source(context, self.source)

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the figure of the kind of data."""
        model, view = context.model, view_of(context.model)
        count = min(100 * self.count, len(context.split)) if view.noisy_samples else self.count
        labels = torch.arange(count) * model.classes // count if model.classes else None
        if model.classes and view.noisy_samples and context.split.labels is not None:
            labels = context.split.labels[:count].cpu()  # as frequent as in the data
        samples = draw_samples(context, self.source, count, labels=labels, noise=view.noisy_samples)
        sets = {"samples": samples}
        if view.noisy_samples:
            sets = {"data": context.split.examples(torch.arange(count))} | sets
        return view.samples(sets)
