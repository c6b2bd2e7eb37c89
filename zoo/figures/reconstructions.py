"""Reconstructions beside their inputs."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.data import Batch
from zoo.drawing.style import rows_of_classes, short_name
from zoo.drawing.views import view_of
from zoo.errors import why_not
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.posteriors import posterior_mean
from zoo.registry import register

_ROWS_OF_TABLE = 1000


@register("figure", "reconstructions")
class Reconstructions(Figure):
    """Reconstructions beside their inputs.

    Images are drawn above their reconstructions, a column for each class where there are labels. Series are points
    under the line of the reconstruction, with a band of two standard deviations of p(x|z). Of tables, each column has
    a panel: numbers against their reconstructions, and for categories, which are reconstructed as which.

    Args:
        count: images or series beside each other at most; series at most 5.
        rows: number of examples of each class.
    """

    def __init__(self, *, count: PositiveInt = 10, rows: PositiveInt = 2) -> None:
        self.count, self.rows = count, rows

    def check(self, context: EvaluationContext) -> None:
        """Require data that can be drawn, and a model that reconstructs them."""
        view_of(context.model)
        context.require_reconstruction()

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the figure of the kind of data."""
        model, split, view = context.model, context.split, view_of(context.model)
        if len(model.data_shape) == 1:
            chosen, columns = torch.arange(min(len(split), _ROWS_OF_TABLE)), 1
        else:
            chosen, columns = rows_of_classes(split.labels, len(split), min(self.count, view.columns), self.rows)
        names, titles = split.info.class_names, []
        if split.labels is not None and names and columns > 1:
            titles = [short_name(names[label]) for label in split.labels[chosen[:columns]].tolist()]
        batch = context.take(chosen)
        outputs = model.reconstruct(*batch).cpu()
        inputs = batch.x if batch.mask is None else batch.x.where(batch.mask, torch.nan)
        return view.reconstructions(inputs.cpu(), outputs, _spread(context, batch), titles, columns)


def _spread(context: EvaluationContext, batch: Batch) -> Tensor | None:
    """Return the standard deviations of p(x|z) at the mean of z, if the model has a likelihood with them."""
    if not context.model.has("likelihood") or why_not(context.require_latents) is not None:
        return None
    inference = context.infer(batch)
    try:
        return inference.decode(posterior_mean(inference.posterior)).variance.sqrt().cpu()
    except NotImplementedError:
        return None
