"""Where a model encodes the data in its latent space."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from zoo.analysis.codes import encode_split, posterior_covariance
from zoo.analysis.projection import principal_plane
from zoo.drawing.points import scatter_classes
from zoo.drawing.style import axis_names, class_colour, first_of_each_class, ink, new_figure
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

_TAIL, _REACH = 0.01, 0.5
"""A point is an outlier if it lies farther beyond the outer hundredth of the points than half of their spread."""


@register("figure", "embedding")
class Embedding(Figure):
    """Posterior means of the data, coloured by class; the first two principal components if d > 2.

    Ellipses show the posterior of some examples, two standard deviations wide. A few outliers that would squeeze the
    other points lie outside the axes.

    Args:
        count: show at most this many examples.
        ellipses: number of examples whose posterior is drawn, evenly of each class.
    """

    def __init__(self, *, count: PositiveInt = 5000, ellipses: NonNegativeInt = 20) -> None:
        self.count, self.ellipses = count, ellipses

    def check(self, context: EvaluationContext) -> None:
        """Require at least two latent dimensions."""
        context.require_latents()
        if context.model.latent_dim < 2:
            raise NotApplicableError("the model has one latent dimension, which has no plane")

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a scatter plot."""
        model, split = context.model, context.split
        codes = encode_split(model, split, self.count)
        chosen, covariances = None, None
        if self.ellipses and model.has_density:
            classes = 1 if codes.labels is None else len(codes.labels.unique())
            per_class = max(1, self.ellipses // classes)
            chosen = first_of_each_class(codes.labels, min(self.ellipses, len(codes.means)), per_class)
            covariances = posterior_covariance(context.infer(context.take(chosen)).posterior).cpu()
        return plot_embedding(codes.means, codes.labels, split.info.class_names, chosen=chosen, covariances=covariances)


def plot_embedding(
    codes: Tensor,
    labels: Tensor | None,
    class_names: Sequence[str] = (),
    *,
    chosen: Tensor | None = None,
    covariances: Tensor | None = None,
) -> MatplotlibFigure:
    """Plot codes (N, d) as points, coloured by labels (N,), with ellipses where covariances are given.

    Args:
        chosen: (M,) the indices of the codes that have an ellipse.
        covariances: (M, d, d) of those.
    """
    plane = principal_plane(codes)
    points = plane(codes)
    figure = new_figure(5.6, 4.6)
    axes = figure.subplots()
    scatter_classes(figure, axes, points, labels, class_names)
    places = torch.zeros(len(points), dtype=torch.long) if labels is None else torch.bucketize(labels, labels.unique())
    titles = []
    if chosen is not None and covariances is not None:
        for index, covariance in zip(chosen.tolist(), plane.covariances(covariances), strict=True):
            _draw_ellipse(axes, points[index], covariance, class_colour(int(places[index])))
        titles.append("ellipses: two standard deviations of $q(z|x)$")
    outside = _leave_out_outliers(axes, points)
    if outside:
        titles.append(f"{outside:,} of {len(points):,} points lie outside")
    axes.set_title("; ".join(titles), fontsize="small")
    names = axis_names(plane)
    axes.set(xlabel=names[0], ylabel=names[1])
    return figure


def _leave_out_outliers(axes: Axes, points: Tensor) -> int:
    """Keep a few outliers from squeezing the other points (N, 2): return how many lie outside of the axes."""
    low, high = points.quantile(torch.tensor([_TAIL, 1 - _TAIL]), dim=0)
    reach = _REACH * (high - low)
    outside = ((points < low - reach) | (points > high + reach)).any(1)
    if outside.any():
        kept = points[~outside]
        margin = 0.05 * (kept.max(0).values - kept.min(0).values)
        (left, bottom), (right, top) = (kept.min(0).values - margin).tolist(), (kept.max(0).values + margin).tolist()
        axes.set(xlim=(left, right), ylim=(bottom, top))
    return int(outside.sum())


def _draw_ellipse(axes: Axes, centre: Tensor, covariance: Tensor, colour: str, deviations: float = 2.0) -> None:
    """Draw the ellipse of a number of standard deviations: a dark edge below the colour shows on any points."""
    values, vectors = torch.linalg.eigh(covariance.double())
    height, width = (2 * deviations * values.clamp_min(0).sqrt()).tolist()
    angle = math.degrees(math.atan2(vectors[1, 1].item(), vectors[0, 1].item()))
    for edge, line in ((ink(), 1.3), (colour, 0.8)):
        axes.add_patch(
            Ellipse(
                (centre[0].item(), centre[1].item()),
                width,
                height,
                angle=angle,
                fill=False,
                edgecolor=edge,
                linewidth=line,
                zorder=3,
            )
        )
