"""Whether the loss grew while a model was trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.evaluation.tables import number

_FACTOR = 10
"""How many times as far from zero as before, or at least as many units, a loss is when it has grown."""


def divergence_note(
    history: Iterable[Mapping[str, Any]], term: str, first: float, *, higher_is_better: bool, warmup_steps: int = 0
) -> str | None:
    """Return a warning with remedies if the loss on training data became far worse than it had been; None if not.

    Compared are the means of the epochs, and the loss before the first step. A model that overfits is not meant: its
    loss on training data falls.

    Args:
        history: the records of the epochs.
        term: the term of the loss by which epochs are judged.
        first: its mean over some examples before the first step.
        warmup_steps: until when weights of the loss change, so that epochs do not compare.

    Example:
        >>> history = [{"epoch": n, "step": n, "train": {"loss": loss}} for n, loss in enumerate([20.0, 19.0, 3e12], 1)]
        >>> divergence_note(history, "loss", 21.0, higher_is_better=False).partition(":")[0]
        'training may have diverged'
    """
    sign = -1.0 if higher_is_better else 1.0
    losses = [(0, sign * first)] if math.isfinite(first) and not warmup_steps else []
    losses += [(each["epoch"], sign * each["train"][term]) for each in history if each["step"] >= warmup_steps]
    best, worst, largest = None, None, 0.0
    for epoch, loss in losses:
        if best is None or loss < best[1]:
            best = (epoch, loss)
        growth = (loss - best[1]) / max(1.0, abs(best[1]))
        if growth > max(_FACTOR, largest):
            worst, largest = (best, (epoch, loss)), growth
    if worst is None:
        return None
    (since, low), (after, high) = worst
    before = f"in epoch {since}" if since else "before training"
    return (
        f"training may have diverged: the mean {term} in training went from {number(sign * low)} {before} to "
        f"{number(sign * high)} in epoch {after}, and the best epoch may be a poor model too. What may help: a smaller "
        "`train.optimizer.lr`, `train.clip_norm: 1.0`, or a warm-up of the schedule."
    )
