"""What each latent dimension does."""

from __future__ import annotations

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from zoo.analysis.codes import encode_split
from zoo.analysis.decoding import decoder_of
from zoo.analysis.traversals import Traversals, traverse
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import new_figure, show_image, tile, to_unit
from zoo.registry import register


@register("figure", "traversals")
class TraversalRows(Figure):
    """The code of one example, moved along one dimension a row, through the range in which the data's codes lie.

    The dimensions in which the data vary most come first; one in which nothing changes is not used.

    Args:
        example: the number of the example in the split.
        steps: images a row.
        count: dimensions at most.
        label: the class to decode, for a conditional model.

    Source:
        Higgins et al. (2017), β-VAE, figure 1. https://openreview.net/forum?id=Sy2fzU9gl
    """

    def __init__(
        self, *, example: NonNegativeInt = 0, steps: PositiveInt = 11, count: PositiveInt = 10, label: int = 0
    ) -> None:
        self.example, self.steps, self.count, self.label = example, steps, count, label

    def check(self, context: EvaluationContext) -> None:
        """Require images, a model that encodes and decodes them, and the example."""
        context.require_images()
        context.require_continuous_latents()
        context.require_reconstruction()
        context.require_examples(self.example + 1)

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a row of images for each dimension."""
        means = encode_split(context.model, context.split, max(5000, self.example + 1)).means
        result = traverse(means[self.example], means, steps=self.steps, count=self.count)
        images = decoder_of(context.model, self.label)(result.codes.flatten(0, 1))
        return plot_traversals(result, images, context.model.spec.data_range)


def plot_traversals(result: Traversals, images: Tensor, data_range: tuple[float, float] | None) -> MatplotlibFigure:
    """Plot images (D · S, C, H, W) of a traversal, a row a dimension, its least and largest value beside it."""
    rows, steps = result.values.shape
    tiled = tile(to_unit(images, data_range), columns=steps)
    figure = new_figure(0.6 * steps + 2.2, 0.6 * steps * tiled.shape[0] / tiled.shape[1] + 0.7)
    axes = figure.subplots()
    show_image(axes, tiled)
    places = [(row + 0.5) * (tiled.shape[0] + 1) / rows - 1 for row in range(rows)]
    names = [
        f"$z_{{{int(dimension) + 1}}}$ = {values[0]:.2f}"
        for dimension, values in zip(result.dimensions, result.values, strict=True)
    ]
    axes.set_yticks(places, names, fontsize="small")
    axes.tick_params(axis="y", length=0)
    ends = axes.secondary_yaxis("right")
    ends.set_yticks(places, [f"{values[-1]:.2f}" for values in result.values], fontsize="small")
    ends.tick_params(axis="y", length=0)
    ends.spines[:].set_visible(False)
    axes.set_xlabel("value of the dimension, from the 2 % to the 98 % quantile of the codes")
    return figure
