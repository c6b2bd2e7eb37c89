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
        # Σ 1, Σ (x − c), Σ (x − c)² and the squared errors, about a centre c that keeps the digits of small variances.
        sums = torch.zeros(2 * values + 2, dtype=torch.float64)
        centre = context.split.examples(100).double().flatten(1).mean(0).cpu()
        for batch in context.batches(512):
            reconstruction = context.model.reconstruct(batch.x, batch.labels)
            error = (batch.x - reconstruction).double().square().sum().cpu()
            x = batch.x.double().flatten(1).cpu() - centre
            size = torch.tensor([float(len(x))], dtype=torch.float64)
            sums += torch.cat([size, error[None], x.sum(0), x.square().sum(0)])
        sums = context.processes.sum(sums)
        (count, error), first, second = sums[:2], sums[2 : 2 + values], sums[2 + values :]
        variance = (second - first.square() / count).sum()
        if variance <= 1e-12 * second.sum() or not variance:
            return []
        return [Measurement(EXPLAINED, (1 - error / variance).item())]
