"""The share of the data's variance that reconstructions explain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch

from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register

EXPLAINED = Result(
    "explained_variance",
    "Share of the variance of the data that reconstructions explain; 1 is perfect, 0 is that of the mean example.",
    better="higher",
)


@register("metric", "explained_variance")
class ExplainedVariance(Metric):
    r"""1 − Σ ‖x − x̂‖² / Σ ‖x − x̄‖², over all examples and values together, with x̄ the mean example.

    It compares errors across data sets, which ``mse`` in units of the data does not; below 0 the mean example would be
    a better reconstruction. Of data that do not vary it is not measured.

    Source:
        Rajamanoharan et al. (2024), Improving Dictionary Learning with Gated Sparse Autoencoders, section 4.1.
        https://arxiv.org/abs/2404.16014
    """

    results: ClassVar[Sequence[Result]] = (EXPLAINED,)

    def __init__(self) -> None: ...

    def check(self, context: EvaluationContext) -> None:
        """Require that the model reconstructs."""
        context.require_reconstruction()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``explained_variance``."""
        values = math.prod(context.model.data_shape)
        # The squared error, and of each value Σ 1, Σ (x − c), Σ (x − c)² about a centre c that keeps the digits of
        # small variances. Missing values of a table are NaN, and left out.
        sums = torch.zeros(3 * values + 1, dtype=torch.float64)
        centre = context.split.examples(100).double().flatten(1).nanmean(0).nan_to_num().cpu()
        for batch in context.batches(512):
            error = (batch.x - context.model.reconstruct(*batch)).double().square().nansum().cpu()
            x = batch.x.double().flatten(1).cpu() - centre
            counts = (~x.isnan()).double().sum(0)
            sums += torch.cat([error[None], counts, x.nansum(0), x.square().nansum(0)])
        sums = context.group.sum(sums)
        error, (counts, first, second) = sums[0], sums[1:].split(values)
        variance = (second - first.square() / counts.clamp(min=1)).sum()
        if variance <= 1e-12 * second.sum() or not variance:
            return []
        return [Measurement(EXPLAINED, (1 - error / variance).item())]
