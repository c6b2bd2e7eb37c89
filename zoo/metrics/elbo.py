"""The evidence lower bound and its two terms."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt

from zoo.divergences import kl_divergence
from zoo.metrics import EvaluationContext, Metric, labels_for, mean_with_error
from zoo.model import Model
from zoo.registry import register


@register("metric", "elbo")
class Elbo(Metric):
    """ELBO = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)), mean over the data, in nats; β plays no part in it.

    Args:
        num_samples: draws of z for each x.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, equation 3. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, *, num_samples: PositiveInt = 10) -> None:
        self.num_samples = num_samples

    def unfit(self, model: Model) -> str | None:
        """A posterior without a density has no ELBO."""
        return model.why_no_density()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``elbo`` with its standard error, ``reconstruction`` = −E log p(x|z), and ``kl``."""
        model = context.model
        reconstructions, divergences = [], []
        prior = model.prior
        for batch in context.batches(512):
            labels = labels_for(model, batch.labels)
            q = model.encode(batch.x, labels)
            z = q.sample(torch.Size([self.num_samples]))
            reconstructions.append(-model.decode(z, labels).log_prob(batch.x).mean(0))
            divergences.append(kl_divergence(q, prior, samples=z))
        reconstruction, kl = context.collect(reconstructions), context.collect(divergences)
        return {
            **mean_with_error("elbo", -(reconstruction + kl)),
            "reconstruction": reconstruction.double().mean().item(),
            "kl": kl.double().mean().item(),
        }
