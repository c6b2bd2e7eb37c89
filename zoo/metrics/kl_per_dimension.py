"""What each latent dimension costs."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions import Distribution, Normal, kl_divergence

from zoo.analysis.kl_variation import is_gaussian
from zoo.metrics import EvaluationContext, Metric, labels_for
from zoo.model import Model
from zoo.registry import register


@register("metric", "kl_per_dimension")
class KlPerDimension(Metric):
    """KL(q(z_i|x) ‖ p(z_i)) of each latent dimension on its own, mean over the data, in nats.

    Where posterior and prior are both diagonal the entries add up to the KL term. Otherwise they are of the
    marginals, and correlations make up the difference.

    Source:
        Burgess et al. (2018), Understanding disentangling in β-VAE, section 4. https://arxiv.org/abs/1804.03599
    """

    def __init__(self) -> None: ...

    def unfit(self, model: Model) -> str | None:
        """Only the marginals of Gaussians are known."""
        reason = model.why_no_density()
        if reason is not None:
            return reason
        if not is_gaussian(model.prior):
            return "its prior is not Gaussian"
        with torch.no_grad():
            labels = torch.zeros(1, dtype=torch.int64, device=model.device) if model.classes else None
            q = model.encode(torch.zeros(1, *model.data_shape, device=model.device), labels)
        return None if is_gaussian(q) else "its posterior is not Gaussian"

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``kl_per_dimension``, a list with an entry a dimension."""
        model, prior = context.model, _marginals(context.model.prior)
        divergences = [
            kl_divergence(_marginals(model.encode(batch.x, labels_for(model, batch.labels))), prior).cpu()
            for batch in context.split.batches(512, device=model.device)
        ]
        return {"kl_per_dimension": torch.cat(divergences).double().mean(0).tolist()}


def _marginals(gaussian: Distribution) -> Normal:
    return Normal(gaussian.mean, gaussian.variance.sqrt(), validate_args=False)
