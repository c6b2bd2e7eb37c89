"""A weight of the loss that may change during training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.spec.schedule import WeightSchedule, as_schedule


class ScheduledWeight(nn.Module):
    """Holds the weight of a term of the loss, constant or on a schedule.

    The model finds all scheduled weights of its components and updates them before each training step. In evaluation
    mode the weight has the final value of its schedule.

    Example:
        >>> weight = ScheduledWeight(WeightSchedule.model_validate({"name": "linear", "end": 4, "over": {"steps": 4}}))
        >>> weight.update(step=0, steps_per_epoch=10)
        >>> float(weight.value), float(weight.eval().value)
        (1.0, 4.0)
    """

    current: Tensor

    def __init__(self, weight: float | WeightSchedule) -> None:
        super().__init__()
        self.schedule = as_schedule(weight)
        self.changes, self.final = self.schedule.changes, float(self.schedule.end)
        # A tensor, so that a captured or compiled step uses the new value.
        self.register_buffer("current", torch.tensor(self.final), persistent=False)

    @property
    def is_used(self) -> bool:
        """Whether the weight is different from 0 at any step."""
        return self.changes or self.final != 0

    @property
    def value(self) -> Tensor | float:
        """The weight of this step: a number if it never changes, otherwise a scalar tensor."""
        return self.current if self.changes and self.training else self.final

    def times(self, term: Tensor) -> Tensor:
        """Return the weighted term; for a constant weight of 0, without computing its gradient."""
        if not self.changes and self.final == 0:
            return torch.zeros_like(term)
        return term if not self.changes and self.final == 1 else self.value * term

    def update(self, step: int, steps_per_epoch: int) -> None:
        """Set the weight for training step ``step`` (from 0)."""
        if self.changes:
            self.current.fill_(self.schedule.value(step, steps_per_epoch))

    def warmup_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps after which the weight no longer changes."""
        return self.schedule.warmup_steps(steps_per_epoch)
