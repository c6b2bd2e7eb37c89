"""The learning rate as a function of the step, so that resuming needs no saved state."""

from __future__ import annotations

import math

from zoo.spec.training import ScheduleSpec


def learning_rate_factor(schedule: ScheduleSpec, step: int, total_steps: int, steps_per_epoch: int) -> float:
    """Return the factor of the base learning rate at a step numbered from 0.

    Source:
        Loshchilov & Hutter (2017), SGDR (cosine). https://arxiv.org/abs/1608.03983
        Smith & Topin (2018), Super-Convergence (one cycle). https://arxiv.org/abs/1708.07120

    Example:
        >>> [round(learning_rate_factor(ScheduleSpec(name="cosine"), step, 5, 5), 2) for step in range(5)]
        [1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if schedule.name == "one_cycle":
        peak = schedule.rise * max(1, total_steps - 1)
        if step <= peak:
            return _cosine(schedule.start, 1.0, step / peak)
        return _cosine(1.0, schedule.final, (step - peak) / max(1e-9, total_steps - 1 - peak))
    warmup = schedule.warmup.in_steps(steps_per_epoch)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule.name == "cosine":
        return _cosine(1.0, schedule.final, (step - warmup) / max(1, total_steps - 1 - warmup))
    return 1.0


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
