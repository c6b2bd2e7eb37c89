"""Which epoch is the best so far, and whether training is finished."""

from __future__ import annotations

from zoo.spec.training import FullTrainSpec
from zoo.training.state import Position


class Judge:
    """Compares epochs by the monitored term, once the bound is warm.

    While a weight of the loss still changes, losses of different epochs do not compare: each epoch then replaces the
    one before as the best, and none counts towards an early stop.

    Args:
        higher_is_better: whether the monitored term improves as it rises.
        warmup_steps: after how many steps every weight of the loss has its final value.
    """

    def __init__(self, spec: FullTrainSpec, warmup_steps: int, *, higher_is_better: bool) -> None:
        self.spec, self.warmup_steps, self._sign = spec, warmup_steps, -1.0 if higher_is_better else 1.0

    def finish_epoch(self, position: Position, monitored: float) -> bool:
        """Move the position to the next epoch; return whether the one that ends counts as the best so far."""
        stopping = self.spec.early_stopping
        margin = stopping.min_delta if stopping else 0.0
        warms_up = position.step < self.warmup_steps
        is_best = warms_up or position.best is None or self._sign * monitored < self._sign * position.best - margin
        position.epoch, position.batch = position.epoch + 1, 0
        position.since_best = 0 if is_best else position.since_best + 1
        if is_best:
            position.best, position.best_epoch = None if warms_up else monitored, position.epoch
        position.finished = self.is_finished(position)
        return is_best

    def is_finished(self, position: Position) -> bool:
        """Whether the last epoch is done, or training is stopped early, by its patience or by a callback.

        A callback ends training after the epoch that is under way.
        """
        stopping = self.spec.early_stopping
        stops_early = stopping is not None and position.since_best >= stopping.patience
        is_stopped = bool(position.stopped) and position.batch == 0
        return stops_early or is_stopped or position.epoch >= self.spec.epochs
