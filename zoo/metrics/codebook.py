"""How a model with discrete codes uses its codebooks, and the rate of its codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from zoo.analysis.codebook import code_counts, perplexities
from zoo.evaluation.measurement import FITTED, PRIOR
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.registry import register

USE = Result("codebook_use", "Share of all codes that occur in the data.", better="higher")
PERPLEXITY = Result(
    "codebook_perplexity",
    "Effective number of codes, the exponential of the entropy of their frequencies; at most the size of a codebook. "
    "The geometric mean over several codebooks.",
    better="higher",
)
PERPLEXITY_OF_EACH = Result("codebook_perplexities", "Effective number of codes of each codebook.", better="higher")
RATE = Result(
    "code_rate",
    "Nats to encode the codes of an example with the prior.",
    unit="nats",
    better="lower",
    sources=(PRIOR, FITTED),
)


@register("metric", "codebook")
class Codebook(Metric):
    r"""Use and perplexity of codebooks, exp(−Σ_k f_k log f_k) of the code frequencies f, and the rate in nats.

    The rate is −E log p(codes): n log K for n places under the uniform prior; under a fitted prior the cross-entropy of
    the codes, which an entropy coder with that prior would take.

    Source:
        van den Oord, Vinyals & Kavukcuoglu (2017), Neural Discrete Representation Learning.
        https://arxiv.org/abs/1711.00937
    """

    results: ClassVar[Sequence[Result]] = (USE, PERPLEXITY, PERPLEXITY_OF_EACH, RATE)

    def __init__(self) -> None: ...

    def check(self, context: EvaluationContext) -> None:
        """Require discrete codes."""
        context.require_codes()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return use and perplexity, and the rate under the prior and under a fitted prior."""
        posterior = context.require_codes()
        counts = torch.zeros(len(posterior.codebook_places), posterior.codes, dtype=torch.float64)
        fitted = context.model.has("fitted_prior")
        rates: list[Tensor] = []
        fitted_rates: list[Tensor] = []
        for batch in context.batches(512):
            samples = context.infer(batch).draw(1, reparameterised=False)
            # The draw knows its code numbers: they need not be found from the vectors, which can take long.
            counts += code_counts(posterior, samples.levels[0].z)
            rates.append(-samples.log_prior[0])
            if fitted:
                fitted_rates.append(-context.infer(batch, fitted=True).draw(1, reparameterised=False).log_prior[0])
        counts = context.group.sum(counts)
        each = perplexities(counts)
        found = [
            Measurement(USE, (counts > 0).double().mean().item()),
            Measurement(PERPLEXITY, each.log().mean().exp().item()),
            *([Measurement(PERPLEXITY_OF_EACH, each.tolist())] if len(each) > 1 else []),
            mean_of(RATE, context.collect(rates), source=PRIOR),
        ]
        return [*found, mean_of(RATE, context.collect(fitted_rates), source=FITTED)] if fitted else found
