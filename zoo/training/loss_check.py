"""The check that the loss stays finite."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from zoo.errors import TrainingError
from zoo.training.state import Position
from zoo.training.terms import StepTerms
from zoo.utils.distributed import ProcessGroup

CHECK_STEPS = 50
"""Steps between two checks."""
_CHECK_SECONDS = 1.0
"""Seconds between two checks on an accelerator."""


class LossCheck:
    """Reads the losses of the last steps, and raises an error if one is not finite.

    Reading makes the host wait for an accelerator, so it is done only every few steps.

    Args:
        terms: the terms of each step.
        is_sum: whether a term is the sum of others; then one of those is to blame.

    Attributes:
        step_seconds: the duration of a step, the mean over several processes; None for a single process, or before
            the first check.
    """

    def __init__(
        self, terms: StepTerms, device: torch.device, group: ProcessGroup, is_sum: Callable[[str], bool]
    ) -> None:
        self.terms, self.device, self.group = terms, device, group
        self.step_seconds: float | None = None
        self._is_sum = is_sum
        self._last_step, self._last_time = 0, -math.inf

    def is_due(self, step: int) -> bool:
        """Whether to check after this many steps."""
        if step == 1:
            return True
        if step % CHECK_STEPS:
            return False
        # Several processes check after the same steps, because each check is a sum over all of them.
        waits = self.device.type != "cpu" and self.group.count == 1
        return not waits or time.monotonic() - self._last_time > _CHECK_SECONDS

    def __call__(self, position: Position) -> float:
        """Return the loss of the last step.

        Raises:
            TrainingError: a term is not finite; the message names the first step and the term.
        """
        unread = position.step - self._last_step
        recent = self.terms.last(max(unread, 1))
        now = time.monotonic()
        if unread:
            self._measure((now - self._last_time) / unread)
        self._last_step, self._last_time = position.step, now
        bad = self.terms.first_not_finite(recent, self._is_sum)
        if bad is not None:
            row, term, value = bad
            step = position.step - len(recent) + row + 1
            raise TrainingError(
                f"the term {term!r} became {value} at step {step} (epoch {position.epoch + 1})",
                remedy="Try a smaller `train.optimizer.lr`, `train.clip_norm: 1.0`, a warm-up of the schedule, or "
                "`train.precision: fp32`; and check the data for values that are not finite. "
                "The last good checkpoint is kept.",
            )
        return recent[-1, 0].item()

    def _measure(self, seconds: float) -> None:
        if self.group.count > 1:
            self.step_seconds = self.group.sum(torch.tensor(seconds)).item() / self.group.count
