"""What the KL term is spent on: information about the data, dependence between latents, and distance from the prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from zoo.divergences import aggregate_log_densities, is_diagonal
from zoo.errors import NotApplicableError
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.metrics._latents import require_of_both
from zoo.registry import register

MUTUAL_INFORMATION = Result(
    "mutual_information",
    "Information in the code about which of the N examples it belongs to: no more than log N and the KL divergence.",
    unit="nats",
)
TOTAL_CORRELATION = Result(
    "total_correlation",
    "Dependence between the latents over all examples, KL(q(z) ‖ Π_j q(z_j)); 0 where they are independent.",
    unit="nats",
    better="lower",
)
DIMENSION_WISE_KL = Result(
    "dimension_wise_kl",
    "Distance of each latent, over all examples, from the prior: the sum of KL(q(z_j) ‖ p(z_j)).",
    unit="nats",
    better="lower",
    title="Dimension-wise KL",
)

_LARGEST = 2**22
"""Densities of single latents that are computed at a time."""


@register("metric", "kl_decomposition")
class KlDecomposition(Metric):
    """The three parts of the KL term: E KL(q(z|x) ‖ p(z)) = I(x; z) + TC(z) + Σ_j KL(q(z_j) ‖ p(z_j)) (estimates).

    The aggregate q(z) = (1/N) Σ_n q(z|x_n) is that of the examples measured, each of which is one of its N components.
    The parts are means over a draw for each example and add up to the estimate of the KL term from the same draws. They
    depend on N: mutual information is at most log N.

    Args:
        examples: N, the first of the split; null for all. Time grows as N².

    Source:
        Hoffman & Johnson (2016), ELBO Surgery. http://approximateinference.org/accepted/HoffmanJohnson2016.pdf
        Chen et al. (2018), Isolating Sources of Disentanglement in VAEs, equation 2. https://arxiv.org/abs/1802.04942
    """

    results: ClassVar[Sequence[Result]] = (MUTUAL_INFORMATION, TOTAL_CORRELATION, DIMENSION_WISE_KL)
    by_default: ClassVar[bool] = False

    def __init__(self, *, examples: PositiveInt | None = 2000) -> None:
        self.examples = examples

    def check(self, context: EvaluationContext) -> None:
        """Require posterior and prior of independent Gaussian latents, and one prior for all examples."""
        inference = require_of_both(context, is_diagonal, "of independent Gaussian latents")
        if inference.prior.batch_shape:
            raise NotApplicableError("the prior depends on the labels")

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``mutual_information``, ``total_correlation`` and ``dimension_wise_kl``."""
        count = min(len(context.split), self.examples or len(context.split))
        own = [_moments(context.infer(batch).posterior) for batch in context.batches(512, count)]
        shape = (2, context.model.latent_dim)
        everyone = context.collect(own, shape).to(context.model.device)
        q = _gaussians(everyone)
        prior = _gaussians(_moments(context.model.prior))
        found: list[Tensor] = []
        for moments in own:
            for chunk in moments.split(max(1, _LARGEST // everyone[:, 0].numel())):
                mine = _gaussians(chunk)
                z = mine.sample()
                log_q, log_q_of_latents = aggregate_log_densities(q, z, -math.log(count))
                independent = log_q_of_latents.sum(1)
                parts = [mine.log_prob(z) - log_q, log_q - independent, independent - prior.log_prob(z)]
                found.append(torch.stack(parts, 1))
        examples = None if count == len(context.split) else count
        values = context.collect(found, (3,))
        return [
            mean_of(result, values[:, index], examples=examples) for index, result in enumerate(KlDecomposition.results)
        ]


def _moments(gaussians: Distribution) -> Tensor:
    """Return mean and standard deviation of each latent, (B, 2, d) or (2, d)."""
    dimensions = gaussians.event_shape.numel()
    moments = [values.reshape(*gaussians.batch_shape, dimensions) for values in (gaussians.mean, gaussians.stddev)]
    return torch.stack(moments, -2)


def _gaussians(moments: Tensor) -> Independent:
    mean, scale = moments.unbind(-2)
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)
