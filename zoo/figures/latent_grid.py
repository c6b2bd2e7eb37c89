"""What a model decodes all over a two-dimensional latent space."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.ticker import MaxNLocator
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Normal

from zoo.analysis.decoding import decoder_of
from zoo.analysis.kl_variation import is_gaussian
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import new_figure, show_image, signed, tile, to_unit
from zoo.registry import register

_DRAWS = 20_000
_SMALL = 16
"""Images with fewer pixels a side are shown larger, with gaps between them."""


@register("figure", "latent_grid")
class LatentGrid(Figure):
    """Images decoded over the latent plane, at quantiles of the prior: equal steps of probability.

    Args:
        size: number of rows and of columns; null: 20, or 12 for images below 16 pixels.
        label: the class to decode, for a conditional model.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix A. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, *, size: PositiveInt | None = None, label: int = 0) -> None:
        self.size, self.label = size, label

    def check(self, context: EvaluationContext) -> None:
        """Require images, and a prior over two latent dimensions, whose quantiles the grid follows."""
        context.require_images()
        context.require_continuous_latents()
        if not context.model.has("prior"):
            raise NotApplicableError("the model has no prior")
        if context.model.latent_dim != 2:
            raise NotApplicableError(f"the model has {context.model.latent_dim} latent dimensions, not 2")

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return one image of size × size decoded images; z₁ grows to the right, z₂ upwards."""
        model = context.model
        small = max(model.data_shape[1:]) < _SMALL
        size = self.size or (12 if small else 20)
        label = torch.tensor([self.label], device=model.device) if model.classes else None
        codes = prior_grid(model.inference(labels=label).prior, size)
        images = to_unit(decoder_of(model, self.label)(codes), model.spec.data_range)
        return plot_grid(images, codes, gaps=small)


def plot_grid(images: Tensor, codes: Tensor, *, gaps: bool) -> MatplotlibFigure:
    """Plot images (size², C, H, W) of a grid of codes (size², 2), with ticks at round values of the codes."""
    size = math.isqrt(len(codes))
    figure = new_figure(5.6, 5.6 * images.shape[-2] / images.shape[-1])
    axes = figure.subplots()
    tiling = tile(images, size, gaps=gaps)
    show_image(axes, tiling.image)
    across, up = codes.view(size, size, 2)[0, :, 0], codes.view(size, size, 2)[:, 0, 1].flip(0)
    places, names = _round_values(across)
    axes.set_xticks([tiling.column_centre(place) for place in places], names)
    places, names = _round_values(up)
    axes.set_yticks([tiling.row_centre(size - 1 - place) for place in places], names)
    axes.set(xlabel="$z_1$, at quantiles of the prior", ylabel="$z_2$, at quantiles of the prior")
    return figure


def prior_grid(prior: Distribution, size: int) -> Tensor:
    """Return (size², 2) codes at quantiles of the prior's marginals, row by row, the largest z₂ first.

    Quantiles of a Gaussian are exact; those of another prior are estimated from draws.
    """
    shares = (torch.arange(size) + 0.5) / size
    if is_gaussian(prior):
        steps = Normal(0.0, 1.0).icdf(shares)[:, None]
        values = prior.mean.view(2).cpu() + prior.stddev.view(2).cpu() * steps
    else:
        values = prior.sample(torch.Size([_DRAWS])).view(_DRAWS, 2).cpu().quantile(shares, dim=0)
    columns, rows = values[:, 0].repeat(size), values[:, 1].flip(0).repeat_interleave(size)
    return torch.stack([columns, rows], dim=1)


def _round_values(values: Tensor) -> tuple[list[float], list[str]]:
    """Return round numbers within increasing values (size,): their positions among the indices, and their labels."""
    low, high = values[0].item(), values[-1].item()
    ticks = np.array(
        [tick for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high]
    )
    places = np.interp(ticks, values.numpy(), np.arange(len(values)))
    return places.tolist(), [signed(tick) for tick in ticks]
