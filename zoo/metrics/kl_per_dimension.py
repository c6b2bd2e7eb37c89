"""How much information each latent dimension carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch.distributions import Distribution, Normal, kl_divergence

from zoo.analysis.kl_variation import is_gaussian
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.metrics._latents import require_of_both
from zoo.registry import register

KL_PER_DIMENSION = Result(
    "kl_per_dimension",
    "KL divergence of the posterior from the prior in each latent dimension; one near zero is not used.",
    unit="nats",
    title="KL per dimension",
)


@register("metric", "kl_per_dimension")
class KlPerDimension(Metric):
    """KL(q(z_i|x) ‖ p(z_i)) of each latent dimension on its own, mean over the data, in nats.

    Where posterior and prior are both diagonal, the entries add up to the KL term. Otherwise they are of the
    marginals, and correlations make up the difference.

    Source:
        Burgess et al. (2018), Understanding disentangling in β-VAE, section 4. https://arxiv.org/abs/1804.03599
    """

    results: ClassVar[Sequence[Result]] = (KL_PER_DIMENSION,)

    def __init__(self) -> None: ...

    def check(self, context: EvaluationContext) -> None:
        """Require that posterior and prior are Gaussian, since their marginals are known."""
        require_of_both(context, is_gaussian, "Gaussian")

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``kl_per_dimension``, a list with an entry for each dimension."""
        divergences = []
        for batch in context.batches(512):
            inference = context.infer(batch)
            of_dimensions = kl_divergence(_marginals(inference.posterior), _marginals(inference.prior))
            divergences.append(of_dimensions.flatten(1))
        collected = context.collect(divergences, (context.model.latent_dim,))
        return [Measurement(KL_PER_DIMENSION, collected.double().mean(0).tolist())]


def _marginals(gaussian: Distribution) -> Normal:
    return Normal(gaussian.mean, gaussian.variance.sqrt(), validate_args=False)
