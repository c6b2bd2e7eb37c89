"""Reconstructions beside what they are of."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor

from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import first_of_each_class, new_figure, show_image, tile, to_unit
from zoo.registry import register


@register("figure", "reconstructions")
class Reconstructions(Figure):
    """Inputs above, reconstructions below, one column an example; one of each class where there are labels.

    Args:
        count: number of columns at most.
    """

    def __init__(self, *, count: PositiveInt = 10) -> None:
        self.count = count

    def check(self, context: EvaluationContext) -> None:
        """Require images, and a model that reconstructs them."""
        context.require_images()
        context.require_reconstruction()

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the two rows."""
        model, split = context.model, context.split
        chosen = first_of_each_class(split.labels, min(self.count, len(split)))
        batch = context.take(chosen)
        return plot_reconstructions(batch.x, model.reconstruct(batch.x, batch.labels), model.spec.data_range)


def plot_reconstructions(inputs: Tensor, outputs: Tensor, data_range: tuple[float, float] | None) -> MatplotlibFigure:
    """Plot images (N, C, H, W) and their reconstructions in two rows."""
    figure = new_figure(0.7 * len(inputs) + 1, 1.9)
    for axes, images, name in zip(figure.subplots(2, 1), (inputs, outputs), ("input", "output"), strict=True):
        show_image(axes, tile(to_unit(images, data_range), columns=len(images)))
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure
