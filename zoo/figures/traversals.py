"""The effect of each latent dimension on the image."""

from __future__ import annotations

import torch
from einops import rearrange
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from zoo.analysis.codes import encode_split
from zoo.analysis.decoding import decoder_of
from zoo.analysis.traversals import Traversals, traverse
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import new_figure, show_image, signed, tile, to_unit
from zoo.registry import register

_LEAST_CHANGE = 0.05
"""Share of the largest change of an image below which a dimension counts as unused."""

_MOST_DECODED = 128
"""Dimensions that are decoded at most, those in which the codes vary most."""


@register("figure", "traversals")
class TraversalRows(Figure):
    """The code of one example, moved along one dimension in each row, through the range of the codes of the data.

    The dimension that changes the image most comes first. Dimensions that hardly change it are not used by the model
    and left out.

    Args:
        example: the index of the example in the split.
        steps: images in a row.
        count: show at most so many dimensions.
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
        decode = decoder_of(context.model, self.label)
        moved = traverse(means[self.example], means, steps=self.steps, count=_MOST_DECODED)
        images = rearrange(decode(moved.codes.flatten(0, 1)), "(d s) ... -> d s ...", s=self.steps)
        changes = (images[:, -1] - images[:, 0]).square().flatten(1).mean(1).sqrt()
        order = changes.argsort(descending=True, stable=True)
        used = order[changes[order] >= _LEAST_CHANGE * changes.max()][: self.count]
        shown = Traversals(moved.codes[used], moved.dimensions[used], moved.values[used])
        unused = int((changes < _LEAST_CHANGE * changes.max()).sum())
        return plot_traversals(shown, images[used], context.model.spec.data_range, unused)


def plot_traversals(
    shown: Traversals, images: Tensor, data_range: tuple[float, float] | None, unused: int = 0
) -> MatplotlibFigure:
    """Plot images (D, S, C, H, W) of a traversal, a row for each dimension, its least and largest value beside it.

    Args:
        unused: the number of dimensions that are left out since the images hardly change with them.
    """
    rows, steps = shown.values.shape
    tiling = tile(to_unit(images.flatten(0, 1), data_range), columns=steps)
    height, width, _ = tiling.image.shape
    figure = new_figure(0.6 * steps + 2.2, 0.6 * steps * height / width + 0.7)
    axes = figure.subplots()
    show_image(axes, tiling.image)
    places = [tiling.row_centre(row) for row in range(rows)]
    names = [
        f"$z_{{{int(dimension) + 1}}}$ = {signed(values[0].item(), 2)}"
        for dimension, values in zip(shown.dimensions, shown.values, strict=True)
    ]
    axes.set_yticks(places, names, fontsize="small")
    axes.tick_params(axis="y", length=0)
    ends = axes.secondary_yaxis("right")
    ends.set_yticks(places, [signed(values[-1].item(), 2) for values in shown.values], fontsize="small")
    ends.tick_params(axis="y", length=0)
    ends.spines[:].set_visible(False)
    text = "value of the dimension, from the 2 % to the 98 % quantile of the codes"
    if unused:
        text += f"\n{unused} more {'dimension hardly changes' if unused == 1 else 'dimensions hardly change'} the image"
    axes.set_xlabel(text)
    return figure
