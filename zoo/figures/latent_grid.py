"""What every place of a two-dimensional latent space looks like."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Normal

from zoo.analysis.decoding import decoder_of
from zoo.analysis.kl_variation import is_gaussian
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import new_figure, show_image, tile, to_unit
from zoo.registry import register

_DRAWS = 20_000
_SMALL = 16
"""Images with fewer pixels a side are shown larger and apart from each other."""


@register("figure", "latent_grid")
class LatentGrid(Figure):
    """Images decoded over the latent plane, through the quantiles of a Gaussian prior: equal steps of probability.

    Args:
        size: number of rows and of columns; null: 20, and 12 of images under 16 pixels.
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
        size, gap = self.size or (12 if small else 20), 1 if small else 0
        label = torch.tensor([self.label], device=model.device) if model.classes else None
        prior = model.inference(labels=label).prior
        codes = prior_grid(prior, size)
        images = to_unit(decoder_of(model, self.label)(codes), model.spec.data_range)
        figure = new_figure(5.6, 5.6 * images.shape[-2] / images.shape[-1])
        axes = figure.subplots()
        tiled = tile(images, size, gap)
        show_image(axes, tiled)
        height, width = tiled.shape[0] + gap, tiled.shape[1] + gap
        ticks, names = _ticks(size, codes)
        axes.set_xticks([t * width - 1 for t in ticks], names[0])
        axes.set_yticks([(1 - t) * height - 1 for t in ticks], names[1])
        axes.set(xlabel="$z_1$ (quantiles of the prior)", ylabel="$z_2$ (quantiles of the prior)")
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


def _ticks(size: int, codes: Tensor) -> tuple[list[float], tuple[list[str], list[str]]]:
    chosen = sorted({0, size // 4, size // 2, size - 1 - size // 4, size - 1})
    grid = codes.view(size, size, 2)
    first = [f"{grid[0, index, 0]:.1f}" for index in chosen]
    second = [f"{grid[size - 1 - index, 0, 1]:.1f}" for index in chosen]
    return [(index + 0.5) / size for index in chosen], (first, second)
