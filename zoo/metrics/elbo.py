"""The evidence lower bound and its two terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.evaluation.measurement import FITTED
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.registry import register

ELBO = Result(
    "elbo",
    "Evidence lower bound: a lower bound on log p(x), mean over the examples.",
    unit="nats",
    better="higher",
    title="ELBO",
    sources=(None, FITTED),
)
RECONSTRUCTION = Result(
    "reconstruction",
    "Expected negative log-likelihood of an example given its code, −E log p(x|z): one term of the ELBO.",
    unit="nats",
    better="lower",
)
KL = Result(
    "kl",
    "Information in the code about an example: KL divergence of q(z|x) from the prior, the other term of the ELBO.",
    unit="nats",
    title="KL divergence",
    sources=(None, FITTED),
)


@register("metric", "elbo")
class Elbo(Metric):
    """ELBO = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)), mean over the data, in nats; without the weight β.

    Where the model has a fitted prior, the bound under that prior is reported too, or a note if that prior has no
    density.

    Args:
        num_samples: draws of z for each x.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, equation 3. https://arxiv.org/abs/1312.6114
    """

    results: ClassVar[Sequence[Result]] = (ELBO, RECONSTRUCTION, KL)

    def __init__(self, *, num_samples: PositiveInt = 10) -> None:
        self.num_samples = num_samples

    def check(self, context: EvaluationContext) -> None:
        """Require a posterior with a density."""
        context.require_density()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``elbo``, ``reconstruction`` = −E log p(x|z), and ``kl``, with those under a fitted prior."""
        reconstruction, kl = self._terms(context, fitted=False)
        lacking = context.lacks_fitted_bound()
        found = [
            mean_of(ELBO, -(reconstruction + kl), note=lacking),
            mean_of(RECONSTRUCTION, reconstruction),
            mean_of(KL, kl),
        ]
        if context.model.has("fitted_prior") and not lacking:
            reconstruction, kl = self._terms(context, fitted=True)
            found += [mean_of(ELBO, -(reconstruction + kl), source=FITTED), mean_of(KL, kl, source=FITTED)]
        return found

    def _terms(self, context: EvaluationContext, *, fitted: bool) -> tuple[Tensor, Tensor]:
        """Return −E log p(x|z) and KL(q(z|x) ‖ p(z)) of each example, (N,) each."""
        reconstructions, divergences = [], []
        for batch in context.batches(512):
            samples = context.infer(batch, fitted=fitted).draw(self.num_samples, reparameterised=False)
            reconstructions.append(-samples.log_likelihood.mean(0))
            divergences.append(samples.kl())
        return context.collect(reconstructions), context.collect(divergences)
