"""The loss of a denoiser at each step, and where the best is known, its distance to it."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from zoo.analysis.denoising import StepLosses, knows_best, losses_by_step, mixture_oracle
from zoo.metrics import EvaluationContext, Metric
from zoo.model import Model
from zoo.objectives.denoising import Denoising
from zoo.registry import register


@register("metric", "denoising")
class DenoisingLoss(Metric):
    """E‖s(x_t, t) − x_{t−1}‖² at each step; on a Gaussian mixture, floor and excess beside it.

    The floor is E tr Cov(x_{t−1}|x_t), which nothing can get below; the excess is E‖s − E[x_{t−1}|x_t]‖², the mean
    squared distance to the exact answer. ``excess_over_floor`` is the ratio of their averages over the steps;
    ``excess_over_floor_mean`` and ``_max`` are of the ratios of the steps.

    Args:
        steps: steps of the chain at most, evenly spread.
        examples: examples at most, the first of the split.

    Source:
        Bishop (2006), Pattern Recognition and Machine Learning, section 1.5.5 (the two parts of a squared loss).
    """

    def __init__(self, *, steps: PositiveInt = 100, examples: PositiveInt = 1000) -> None:
        self.steps, self.examples = steps, examples

    def unfit(self, model: Model) -> str | None:
        """Only a denoiser has a chain."""
        return None if isinstance(model.objective, Denoising) else "its objective is not `denoising`"

    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return averages over the steps, and lists with an entry a step."""
        model, split = context.model, context.split
        count = min(self.examples, len(split))
        x0 = split.examples(count).to(model.device)
        labels = split.labels[:count].to(model.device) if model.classes and split.labels is not None else None
        oracle = mixture_oracle(model, split.info) if knows_best(model, split.info) else None
        return _figures(losses_by_step(model, x0, labels, steps=self.steps, oracle=oracle))


def _figures(measured: StepLosses) -> dict[str, Any]:
    figures: dict[str, Any] = {"denoising_loss": measured.loss.mean().item()}
    if measured.floor is not None and measured.excess is not None:
        figures |= {
            "denoising_floor": measured.floor.mean().item(),
            "denoising_excess": measured.excess.mean().item(),
            "excess_over_floor": measured.excess_over_floor,
            "excess_over_floor_mean": measured.ratios.mean().item(),
            "excess_over_floor_max": measured.ratios.max().item(),
            "denoising_floor_by_step": measured.floor.tolist(),
            "denoising_excess_by_step": measured.excess.tolist(),
        }
    return {**figures, "denoising_loss_by_step": measured.loss.tolist(), "denoising_steps": measured.steps.tolist()}
