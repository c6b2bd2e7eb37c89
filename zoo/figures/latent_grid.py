"""What a model decodes all over a two-dimensional latent space."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Normal

from zoo.analysis.decoding import decoder_of
from zoo.analysis.kl_variation import is_gaussian
from zoo.analysis.spaces import LatentSpace, space_of
from zoo.drawing.views import view_of
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

_DRAWS = 20_000


@register("figure", "latent_grid")
class LatentGrid(Figure):
    """What is decoded over the latent plane, at quantiles of the prior: equal steps of probability.

    Images and series are drawn at their codes; of rows, each value has a panel that shows it over the plane in colour.

    In the hyperbolic disc, z₁ and z₂ are the coordinates of the vector from the origin to a point, whose length is the
    distance.

    Args:
        size: number of rows and of columns; null: 20 for images, or 12 below 16 pixels, 9 for series, 25 for rows.
        label: the class to decode, for a conditional model.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix A. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, *, size: PositiveInt | None = None, label: int = 0) -> None:
        self.size, self.label = size, label

    def check(self, context: EvaluationContext) -> None:
        """Require data that can be drawn, and a prior over two latent dimensions, whose quantiles the grid follows."""
        view_of(context.model)
        context.require_continuous_latents()
        if not context.model.has("prior"):
            raise NotApplicableError("the model has no prior")
        if context.model.latent_dim != 2:
            raise NotApplicableError(f"the model has {context.model.latent_dim} latent dimensions, not 2")
        if not space_of(context.model).has_coordinates:
            raise NotApplicableError("the latents are points of a circle, which fill no plane")

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the figure of the kind of data; z₁ grows to the right, z₂ upwards."""
        model, view = context.model, view_of(context.model)
        label = torch.tensor([self.label], device=model.device) if model.classes else None
        space = space_of(model)
        codes = prior_grid(model.inference(labels=label).prior, self.size or view.grid_size, space)
        return view.grid(decoder_of(model, self.label)(space.points(codes)), codes)


def prior_grid(prior: Distribution, size: int, space: LatentSpace | None = None) -> Tensor:
    """Return the coordinates (size², 2) at quantiles of the prior's marginals, row by row, the largest z₂ first.

    Quantiles of a Gaussian are exact; those of another prior are estimated from draws.

    Args:
        space: in which the latents lie; None: the plane, whose coordinates are the latents themselves.
    """
    shares = (torch.arange(size) + 0.5) / size
    if is_gaussian(prior):
        steps = Normal(0.0, 1.0).icdf(shares)[:, None]
        values = prior.mean.view(2).cpu() + prior.stddev.view(2).cpu() * steps
    else:
        draws = prior.sample(torch.Size([_DRAWS])).view(_DRAWS, 2).cpu()
        values = (draws if space is None else space.coordinates(draws)).quantile(shares, dim=0)
    columns, rows = values[:, 0].repeat(size), values[:, 1].flip(0).repeat_interleave(size)
    return torch.stack([columns, rows], dim=1)
