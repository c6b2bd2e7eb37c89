"""The loss of a denoiser at each step, and its distance from the best one where that is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt

from zoo.analysis.denoising import StepLosses, denoising_of, has_exact_denoiser, losses_by_step, mixture_oracle
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register

_UNIT = "prepared units²"
LOSS = Result(
    "denoising_loss",
    "Squared error of the estimated previous state, mean over the steps.",
    unit=_UNIT,
    better="lower",
)
FLOOR = Result(
    "denoising_floor", "The error of the best possible estimate, known in closed form for these data.", unit=_UNIT
)
EXCESS = Result(
    "denoising_excess",
    "Squared distance from the best possible estimate; 0 is exact.",
    unit=_UNIT,
    better="lower",
)
EXCESS_OVER_FLOOR = Result(
    "excess_over_floor", "That distance as a share of the error of the best possible estimate.", better="lower"
)
MEAN_RATIO = Result(
    "excess_over_floor_mean",
    "The same share at each step, mean over the steps.",
    better="lower",
    title="excess over floor, mean of the steps",
)
LARGEST_RATIO = Result(
    "excess_over_floor_max",
    "The same share at the step where it is largest.",
    better="lower",
    title="excess over floor, largest of the steps",
)
LOSS_BY_STEP = Result("denoising_loss_by_step", "The loss at each step.", unit=_UNIT)
FLOOR_BY_STEP = Result("denoising_floor_by_step", "The floor at each step.", unit=_UNIT)
EXCESS_BY_STEP = Result("denoising_excess_by_step", "The excess at each step.", unit=_UNIT)
STEPS = Result("denoising_steps", "The steps of the chain at which the lists are measured.")


@register("metric", "denoising")
class DenoisingLoss(Metric):
    """E‖s(x_t, t) − x_{t−1}‖² at each step; for a Gaussian mixture, also its floor and excess.

    The floor is E tr Cov(x_{t−1}|x_t), a lower bound for every denoiser; the excess is E‖s − E[x_{t−1}|x_t]‖², the mean
    squared distance to the exact answer. ``excess_over_floor`` is the ratio of their averages over the steps;
    ``excess_over_floor_mean`` and ``excess_over_floor_max`` are mean and maximum of the ratios at the steps.

    Args:
        steps: maximum number of steps of the chain, evenly spread.
        examples: maximum number of examples, the first of the split.

    Source:
        Bishop (2006), Pattern Recognition and Machine Learning, section 1.5.5 (the two parts of a squared loss).
    """

    results: ClassVar[Sequence[Result]] = (
        LOSS, FLOOR, EXCESS, EXCESS_OVER_FLOOR, MEAN_RATIO, LARGEST_RATIO,
        FLOOR_BY_STEP, EXCESS_BY_STEP, LOSS_BY_STEP, STEPS,
    )  # fmt: skip

    def __init__(self, *, steps: PositiveInt = 100, examples: PositiveInt = 1000) -> None:
        self.steps, self.examples = steps, examples

    def check(self, context: EvaluationContext) -> None:
        """Require a denoiser: only it has a chain."""
        denoising_of(context.model)

    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return averages over the steps, and lists with an entry for each step."""
        model, split = context.model, context.split
        count = min(self.examples, len(split))
        batch = context.take(torch.arange(count))
        oracle = mixture_oracle(model, split.info) if has_exact_denoiser(model, split.info) else None
        measured = losses_by_step(model, batch.x, batch.labels, steps=self.steps, oracle=oracle)
        return [*_averages(measured), *_lists(measured)]


def _averages(measured: StepLosses) -> Iterator[Measurement]:
    yield Measurement(LOSS, measured.loss.mean().item())
    if measured.floor is not None and measured.excess is not None:
        yield Measurement(FLOOR, measured.floor.mean().item())
        yield Measurement(EXCESS, measured.excess.mean().item())
        yield Measurement(EXCESS_OVER_FLOOR, measured.excess_over_floor)
        yield Measurement(MEAN_RATIO, measured.ratios.mean().item())
        yield Measurement(LARGEST_RATIO, measured.ratios.max().item())


def _lists(measured: StepLosses) -> Iterator[Measurement]:
    if measured.floor is not None and measured.excess is not None:
        yield Measurement(FLOOR_BY_STEP, measured.floor.tolist())
        yield Measurement(EXCESS_BY_STEP, measured.excess.tolist())
    yield Measurement(LOSS_BY_STEP, measured.loss.tolist())
    yield Measurement(STEPS, measured.steps.tolist())
