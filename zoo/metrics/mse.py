"""The mean squared error of reconstructions."""

from __future__ import annotations

from typing import Any

import torch

from zoo.metrics import EvaluationContext, Metric, labels_for
from zoo.model import Model
from zoo.registry import register


@register("metric", "mse")
class MeanSquaredError(Metric):
    """Mean over examples and dimensions of (x − reconstruction)², in squared units of the data."""

    def __init__(self) -> None:
        pass

    def unfit(self, model: Model) -> str | None:
        """A network without a code, and a decoder that predicts noise, reconstruct nothing."""
        return model.why_no_reconstruction()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``mse``."""
        model = context.model
        errors = [
            (batch.x - model.reconstruct(batch.x, labels_for(model, batch.labels))).square().flatten(1).mean(1)
            for batch in context.batches(512)
        ]
        return {"mse": context.collect(errors).double().mean().item()}
