"""The importance-weighted estimate of the log-likelihood."""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import PositiveInt

from zoo.metrics import EvaluationContext, Metric, labels_for, mean_with_error
from zoo.model import Model
from zoo.registry import register


@register("metric", "log_likelihood")
class LogLikelihood(Metric):
    """log p(x) ≥ E[log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x)], mean over the data, in nats (estimate).

    Args:
        num_samples: K, draws of z for each x; the estimate rises to log p(x) as K grows.
        examples: measure at most so many examples, the first of the split; null for all.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders. https://arxiv.org/abs/1509.00519
    """

    def __init__(self, *, num_samples: PositiveInt = 200, examples: PositiveInt | None = 1000) -> None:
        self.num_samples, self.examples = num_samples, examples

    def unfit(self, model: Model) -> str | None:
        """A posterior without a density has no importance weights."""
        return model.why_no_density()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``log_likelihood`` with its standard error, its settings, and ``bits_per_dimension``."""
        model, split = context.model, context.split
        count = min(len(split), self.examples or len(split))
        estimates = [
            model.log_likelihood(batch.x, labels_for(model, batch.labels), num_samples=self.num_samples)
            for batch in context.batches(64, count)
        ]
        figures = mean_with_error("log_likelihood", context.collect(estimates))
        dimensions = math.prod(model.data_shape)
        return {
            **figures,
            "log_likelihood_samples": self.num_samples,
            "log_likelihood_examples": count,
            "bits_per_dimension": -figures["log_likelihood"] / dimensions / math.log(2),
        }
