"""The effect of each latent dimension on the data."""

from __future__ import annotations

import torch
from einops import rearrange
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from zoo.analysis.codes import encode_split
from zoo.analysis.decoding import decoder_of
from zoo.analysis.spaces import space_of
from zoo.analysis.traversals import Traversals, traverse
from zoo.drawing.style import new_figure, signed
from zoo.drawing.view import View
from zoo.drawing.views import view_of
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

_LEAST_CHANGE = 0.05
"""Share of the largest change of an example below which a dimension counts as unused."""

_MOST_DECODED = 128
"""Dimensions that are decoded at most, those in which the codes vary most."""


@register("figure", "traversals")
class TraversalRows(Figure):
    """The code of one example, moved along one dimension in each row, through the range of the codes of the data.

    Images are drawn side by side, series are lines whose colour goes with the dimension, and of rows the change of
    each value is a colour. The dimension that changes the data most comes first. Dimensions that hardly change them are
    not used by the model and left out. In hyperbolic space a dimension is one of the vector from the origin to the
    code, whose length is the distance.

    Args:
        example: the index of the example in the split.
        steps: examples in a row.
        count: show at most this many dimensions.
        label: the class to decode, for a conditional model.

    Source:
        Higgins et al. (2017), β-VAE, figure 1. https://openreview.net/forum?id=Sy2fzU9gl
    """

    def __init__(
        self, *, example: NonNegativeInt = 0, steps: PositiveInt = 11, count: PositiveInt = 10, label: int = 0
    ) -> None:
        self.example, self.steps, self.count, self.label = example, steps, count, label

    def check(self, context: EvaluationContext) -> None:
        """Require data that can be drawn, a model that encodes and decodes them, and the example."""
        view_of(context.model)
        context.require_continuous_latents()
        context.require_reconstruction()
        context.require_examples(self.example + 1)
        if not space_of(context.model).has_coordinates:
            raise NotApplicableError("a point of a sphere leaves it when one coordinate alone moves")

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a row for each dimension."""
        means = encode_split(context.model, context.split, max(5000, self.example + 1)).means
        decode, space = decoder_of(context.model, self.label), space_of(context.model)
        means = space.coordinates(means)
        moved = traverse(means[self.example], means, steps=self.steps, count=_MOST_DECODED)
        decoded = rearrange(decode(space.points(moved.codes.flatten(0, 1))), "(d s) ... -> d s ...", s=self.steps)
        changes = (decoded[:, -1] - decoded[:, 0]).square().flatten(1).mean(1).sqrt()
        order = changes.argsort(descending=True, stable=True)
        used = order[changes[order] >= _LEAST_CHANGE * changes.max()][: self.count]
        shown = Traversals(moved.codes[used], moved.dimensions[used], moved.values[used])
        unused = int((changes < _LEAST_CHANGE * changes.max()).sum())
        return plot_traversals(shown, decoded[used], view_of(context.model), unused)


def plot_traversals(shown: Traversals, decoded: Tensor, view: View, unused: int = 0) -> MatplotlibFigure:
    """Plot what a traversal decodes to (D, S, *data_shape), a row for each dimension, its ends beside it.

    Args:
        unused: the number of dimensions that are left out since the data hardly change with them.
    """
    width, height = view.sequences_size(*shown.values.shape)
    figure = new_figure(width + 2.2, height + 0.7)
    axes = figure.subplots()
    names = [
        f"$z_{{{int(dimension) + 1}}}$ = {signed(values[0].item(), 2)}"
        for dimension, values in zip(shown.dimensions, shown.values, strict=True)
    ]
    view.draw_sequences(axes, decoded, names, [signed(values[-1].item(), 2) for values in shown.values])
    text = "value of the dimension, from the 2 % to the 98 % quantile of the codes"
    if unused:
        verb = "dimension hardly changes" if unused == 1 else "dimensions hardly change"
        text += f"\n{unused} more {verb} the {view.noun}"
    axes.set_xlabel(text)
    return figure
