"""Where the model puts the data in its latent space."""

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
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import axis_names, class_colour, first_of_each_class, ink, new_figure
from zoo.registry import register


@register("figure", "embedding")
class Embedding(Figure):
    """Posterior means of the data, coloured by class; the first two principal components if d > 2.

    Around some of them stands the posterior: the ellipse of two standard deviations, tilted where the covariance is.

    Args:
        count: number of examples at most.
        ellipses: examples whose posterior is drawn, evenly of each class.
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
        chosen: (M,) which codes have an ellipse.
        covariances: (M, d, d) of those.
    """
    plane = principal_plane(codes)
    points = plane(codes)
    figure = new_figure(5.6, 4.6)
    axes = figure.subplots()
    classes: list[int] = [] if labels is None else labels.unique().tolist()
    places = torch.zeros(len(points), dtype=torch.long) if labels is None else torch.bucketize(labels, labels.unique())
    shades = [class_colour(place) for place in places.tolist()]
    # Drawn class by class, the last classes would lie on top and hide the first.
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
    across, up = points[order].T.numpy()
    axes.scatter(across, up, s=6, c=[shades[index] for index in order.tolist()], alpha=0.6, linewidths=0)
    for place, label in enumerate(classes):
        name = class_names[label] if class_names else str(label)
        axes.plot([], [], ".", markersize=3, alpha=0.6, color=class_colour(place), label=name)
    if chosen is not None and covariances is not None:
        for index, covariance in zip(chosen.tolist(), plane.covariances(covariances), strict=True):
            _draw_ellipse(axes, points[index], covariance, shades[index])
        axes.set_title("ellipses: two standard deviations of $q(z|x)$", fontsize="small")
    names = axis_names(plane)
    axes.set(xlabel=names[0], ylabel=names[1])
    if 0 < len(classes) <= 20:
        axes.legend(title="class", markerscale=3, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _draw_ellipse(axes: Axes, centre: Tensor, covariance: Tensor, colour: str, deviations: float = 2.0) -> None:
    """Draw the ellipse of so many standard deviations: ink under the colour, so that it shows on any points."""
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
