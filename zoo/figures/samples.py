"""Samples of a model."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.evaluation.sampling import SourceName, check_source, draw_samples, source_named
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import COLOURS, new_figure, show_image, tile, to_unit
from zoo.registry import register


@register("figure", "samples")
class Samples(Figure):
    """Samples of the model: images, a row for each class of a conditional model; or points, for data in the plane.

    Args:
        count: number of images, or a hundredth of the number of points.
        source: ``prior``, or ``fitted`` for a prior fitted to the codes of the training data.
    """

    def __init__(self, *, count: PositiveInt = 100, source: SourceName = "prior") -> None:
        self.count, self.source = count, source_named(source)

    def check(self, context: EvaluationContext) -> None:
        """Require images or points in the plane, and what the source needs."""
        context.require_drawable()
        check_source(context, self.source)

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the grid, or data and samples as points."""
        model = context.model
        if not context.shows_images:
            count = min(100 * self.count, len(context.split))
            data = context.split.examples(torch.arange(count))
            return plot_points(data, draw_samples(context, self.source, count, noise=True))
        labels = torch.arange(self.count) * model.classes // self.count if model.classes else None
        images = draw_samples(context, self.source, self.count, labels=labels)
        return plot_images(images, columns=round(self.count**0.5), data_range=model.spec.data_range)


def plot_images(images: Tensor, columns: int, data_range: tuple[float, float] | None) -> MatplotlibFigure:
    """Plot images (N, C, H, W) in a grid, row by row."""
    tiled = tile(to_unit(images, data_range), columns).image
    figure = new_figure(5, 5 * tiled.shape[0] / tiled.shape[1])
    show_image(figure.subplots(), tiled)
    return figure


def plot_points(data: Tensor, samples: Tensor) -> MatplotlibFigure:
    """Plot data and samples (N, 2) beside each other on the same axes."""
    figure = new_figure(7, 3.6)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, points, name, colour in zip(panels, (data, samples), ("data", "samples"), COLOURS, strict=False):
        axes.plot(*points.T.numpy(), ".", markersize=2, alpha=0.5, color=colour)
        axes.set(title=name, xlabel="$x_1$", aspect="equal")
    panels[0].set_ylabel("$x_2$")
    return figure
