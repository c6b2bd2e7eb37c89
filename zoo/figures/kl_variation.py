"""How the KL term changes with the mean and the covariance of a posterior."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from matplotlib.axes import Axes
from pydantic import Field, NonNegativeInt
from torch import Tensor
from torch.distributions import Distribution

from zoo.analysis.codes import posterior_covariance
from zoo.analysis.kl_variation import (
    Estimate,
    KlVariation,
    VariationKind,
    correlation_range,
    default_values,
    first_of_batch,
    gaussian_variation,
    kl_variation,
)
from zoo.drawing.style import COLOURS, ink, new_figure
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.posteriors import posterior_mean
from zoo.registry import register

_LABELS: Mapping[str, str] = {
    "move": "t, mean μ + t u",
    "scale": "t, covariance t Σ",
    "rotate": "t [rad], covariance R(t) Σ R(t)ᵀ",
    "correlate": "t, correlation of $z_1$ and $z_2$",
}
_MOST_CONDITIONED = 1e9


@register("figure", "kl_variation")
class KlVariationCurves(Figure):
    """KL(q(z|x) ‖ p(z)) as the mean of q moves and its covariance is scaled, rotated and correlated.

    The upper panels show the divergence, the lower ones its derivative: in closed form, and as Monte Carlo estimates,
    mean ± standard error. The curves start from the posterior of one example, or from the Gaussian with its moments.

    Args:
        example: the index of the example in the split.
        num_samples: K, draws of each estimate.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix B. https://arxiv.org/abs/1312.6114
    """

    title: ClassVar[str] = "KL variation"

    def __init__(
        self,
        *,
        example: NonNegativeInt = 0,
        num_samples: list[Annotated[int, Field(ge=2)]] = [10, 100, 1000],  # noqa: B006 - only read
    ) -> None:
        self.example, self.num_samples = example, num_samples

    def check(self, context: EvaluationContext) -> None:
        """Require a posterior with a density, and the example."""
        context.require_density()
        context.require_continuous_latents()
        context.require_vector_latents()
        context.require_examples(self.example + 1)
        _, covariance, _ = self._moments(context)
        if not bool(torch.linalg.cond(covariance) < _MOST_CONDITIONED):
            raise NotApplicableError("the posterior of the example is too nearly singular to be turned and correlated")

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a column of two panels for each way to vary q."""
        return plot_kl_variation(vary_posterior(*self._moments(context), self.num_samples))

    @torch.no_grad()
    def _moments(self, context: EvaluationContext) -> tuple[Tensor, Tensor, Distribution]:
        """Return the mean and covariance of q for the example, and the prior, in float64."""
        batch = context.take(torch.tensor([self.example]))
        inference = copy.deepcopy(context.model).double().inference(*batch._replace(x=batch.x.double()))
        q = inference.posterior
        return posterior_mean(q)[0], posterior_covariance(q)[0], first_of_batch(inference.prior)


def vary_posterior(
    mean: Tensor, covariance: Tensor, prior: torch.distributions.Distribution, num_samples: list[int]
) -> dict[VariationKind, KlVariation]:
    """Return the divergence of N(μ, Σ) from a prior along every variation; in one dimension, along two of them."""
    values: dict[VariationKind, Tensor] = {"move": default_values("move"), "scale": default_values("scale")}
    if len(mean) > 1:
        low, high = correlation_range(covariance)
        inside = (low + high) / 2 + default_values("correlate") * (high - low) / 2
        values |= {"rotate": default_values("rotate"), "correlate": inside}
    return {
        kind: kl_variation(gaussian_variation(kind, mean, covariance), prior, t.to(mean), num_samples=num_samples)
        for kind, t in values.items()
    }


def plot_kl_variation(variations: Mapping[VariationKind, KlVariation]) -> MatplotlibFigure:
    """Plot the divergence and its derivative along each variation."""
    figure = new_figure(3.0 * len(variations), 5.2)
    grid = figure.subplots(2, len(variations), squeeze=False, sharex="col")
    for column, (kind, variation) in enumerate(variations.items()):
        _draw(grid[0, column], variation.values, variation.closed_form, variation.estimates)
        _draw(grid[1, column], variation.values, variation.formula, variation.gradient_estimates)
        if variation.automatic is not None:
            shown = slice(None, None, 4)
            values, slopes = variation.values[shown].cpu(), variation.automatic[shown].detach().cpu()
            grid[1, column].plot(values, slopes, "x", color=ink(), markersize=4, label="automatic differentiation")
        grid[1, column].set_xlabel(_LABELS[kind])
    grid[0, 0].set_ylabel("KL [nats]")
    grid[1, 0].set_ylabel("dKL/dt [nats per unit of t]")
    handles, labels = grid[1, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=max(1, len(variations) - 1), fontsize="small")
    return figure


def _draw(axes: Axes, values: Tensor, exact: Tensor | None, estimates: Mapping[int, Estimate]) -> None:
    t = values.cpu().numpy()
    for (k, estimate), colour in zip(sorted(estimates.items()), COLOURS, strict=False):
        mean, error = estimate.mean.detach().cpu(), estimate.standard_error.detach().cpu()
        axes.fill_between(t, (mean - error).numpy(), (mean + error).numpy(), color=colour, alpha=0.3, linewidth=0)
        axes.plot(t, mean.numpy(), color=colour, linewidth=1, label=f"Monte Carlo, K = {k:,}, ± standard error")
    if exact is not None:
        axes.plot(t, exact.detach().cpu().numpy(), color=ink(), linewidth=1.2, linestyle="--", label="closed form")
    axes.grid(alpha=0.3)
