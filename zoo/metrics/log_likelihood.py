"""The importance-weighted estimate of the log-likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt

from zoo.evaluation.measurement import FITTED, Source
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.model import Model
from zoo.registry import register

LOG_LIKELIHOOD = Result(
    "log_likelihood",
    "Importance-weighted estimate of log p(x), mean over the examples: a tighter lower bound than the ELBO.",
    unit="nats",
    better="higher",
    title="log-likelihood",
    at_least="elbo",
    sources=(None, FITTED),
)
BITS_PER_DIMENSION = Result(
    "bits_per_dimension",
    "The same estimate as the length of a code for each value of an example; not of log-densities.",
    unit="bits",
    better="lower",
    sources=(None, FITTED),
)


@register("metric", "log_likelihood")
class LogLikelihood(Metric):
    """log p(x) ≥ E[log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x)], mean over the data, in nats (estimate).

    Where the model has a fitted prior, the estimate under that prior is reported too, or a note if that prior has
    no density.

    Args:
        num_samples: K, draws of z for each x; the estimate rises to log p(x) as K grows.
        examples: measure at most this many examples, the first of the split; null for all.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders. https://arxiv.org/abs/1509.00519
    """

    results: ClassVar[Sequence[Result]] = (LOG_LIKELIHOOD, BITS_PER_DIMENSION)

    def __init__(self, *, num_samples: PositiveInt = 200, examples: PositiveInt | None = 1000) -> None:
        self.num_samples, self.examples = num_samples, examples

    def check(self, context: EvaluationContext) -> None:
        """Require a posterior with a density: without one there are no importance weights."""
        context.require_density()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``log_likelihood``, and ``bits_per_dimension`` of code lengths, also under a fitted prior."""
        lacking = context.lacks_fitted_bound()
        found = self._measure(context, None, lacking)
        if context.model.has("fitted_prior") and not lacking:
            found += self._measure(context, FITTED)
        return found

    def _measure(self, context: EvaluationContext, source: Source | None, note: str = "") -> list[Measurement]:
        model, fitted = context.model, source is not None
        count = min(len(context.split), self.examples or len(context.split))
        estimates, are_codes = [], []
        for batch in context.batches(64, count):
            estimates.append(model.log_likelihood(batch.x, batch.labels, num_samples=self.num_samples, fitted=fitted))
            is_code = model.likelihood.is_code_length(batch.x)
            are_codes.append(torch.full((len(batch.x),), is_code))
        nats = context.collect(estimates)
        examples = None if count == len(context.split) else count
        found = [mean_of(LOG_LIKELIHOOD, nats, source=source, examples=examples, note=note)]
        values = _stored_values(model)
        if values is not None and bool(context.collect(are_codes).all()):
            bits = -nats.double() / values / math.log(2)
            found.append(mean_of(BITS_PER_DIMENSION, bits, source=source, examples=examples))
        return found


def _stored_values(model: Model) -> int | None:
    """Return the number of values in an example as it is stored, without padding; None if images were resized."""
    data = model.data
    if data.stored is None:
        return math.prod(model.data_shape)
    resized = data.geometry.resize not in (None, tuple(data.stored.shape[1:]))
    return None if resized else math.prod(data.stored.shape)
