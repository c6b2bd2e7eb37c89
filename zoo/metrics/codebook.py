"""How a model with discrete codes uses its codebook, and the rate of its codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from zoo.errors import NotApplicableError
from zoo.evaluation.measurement import FITTED, PRIOR
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.posteriors import Quantiser
from zoo.registry import register

USE = Result("codebook_use", "Share of the codes in the codebook that occur in the data.", better="higher")
PERPLEXITY = Result(
    "codebook_perplexity",
    "Effective number of codes, the exponential of the entropy of their frequencies; at most the size of the codebook.",
    better="higher",
)
RATE = Result(
    "code_rate", "Information that the codes of an example take under the prior.", unit="nats", better="lower"
)


@register("metric", "codebook")
class Codebook(Metric):
    r"""Use and perplexity of a codebook, exp(−Σ_k f_k log f_k) of the code frequencies f, and the rate in nats.

    The rate is −E log p(codes): n log K for n places under the uniform prior; under a fitted prior the cross-entropy of
    the codes, which an entropy coder with that prior would take.

    Source:
        van den Oord, Vinyals & Kavukcuoglu (2017), Neural Discrete Representation Learning.
        https://arxiv.org/abs/1711.00937
    """

    results: ClassVar[Sequence[Result]] = (USE, PERPLEXITY, RATE)

    def __init__(self) -> None: ...

    def check(self, context: EvaluationContext) -> None:
        """Require discrete codes."""
        context.require_latents()
        if not isinstance(context.model.posterior, Quantiser):
            raise NotApplicableError("the latents are not discrete codes")

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return use and perplexity, and the rate under the prior and under a fitted prior."""
        model = context.model
        posterior = model.posterior
        assert isinstance(posterior, Quantiser)
        counts = torch.zeros(posterior.codes, dtype=torch.float64)
        fitted = model.has("fitted_prior")
        rates: list[Tensor] = []
        fitted_rates: list[Tensor] = []
        for batch in context.batches(512):
            inference = context.infer(batch)
            z = inference.draw(1, reparameterised=False).z
            counts += torch.bincount(posterior.indices(z).flatten().cpu(), minlength=posterior.codes)
            rates.append(-inference.prior.log_prob(z)[0])
            if fitted:
                fitted_rates.append(-context.infer(batch, fitted=True).prior.log_prob(z)[0])
        counts = context.processes.sum(counts)
        frequencies = counts / counts.sum()
        found = [
            Measurement(USE, (counts > 0).double().mean().item()),
            Measurement(PERPLEXITY, math.exp(torch.special.entr(frequencies).sum().item())),
            mean_of(RATE, context.collect(rates), source=PRIOR),
        ]
        return [*found, mean_of(RATE, context.collect(fitted_rates), source=FITTED)] if fitted else found
