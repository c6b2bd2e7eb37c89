"""The mean squared error of reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch

from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.registry import register

MSE = Result(
    "mse",
    "Squared error of reconstructions, mean over the values of an example, which are prepared as for the model.",
    unit="prepared units²",
    better="lower",
    title="mean squared error",
)


@register("metric", "mse")
class MeanSquaredError(Metric):
    """Mean over examples and dimensions of (x − reconstruction)², in squared units of the data as the model sees them.

    Missing values of a table are left out.
    """

    results: ClassVar[Sequence[Result]] = (MSE,)

    def __init__(self) -> None: ...

    def check(self, context: EvaluationContext) -> None:
        """Require that the model reconstructs."""
        context.require_reconstruction()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``mse``."""
        errors = [
            # Where a value is missing there is no error: it is NaN.
            (batch.x - context.model.reconstruct(*batch)).square().flatten(1).nanmean(1)
            for batch in context.batches(512)
        ]
        return [mean_of(MSE, context.collect(errors))]
