"""The best epoch so far, and the end of training."""

from __future__ import annotations

from zoo.spec.training import FullTrainSpec
from zoo.training.state import Position


class EpochSelection:
    """Selects the best epoch by the monitored term, and decides when training is finished.

    While a weight of the loss still warms up, losses of different epochs are not comparable. Until then each epoch
    replaces the one before as the best, and none counts towards early stopping.

    Args:
        higher_is_better: whether a higher value of the monitored term is better.
        warmup_steps: the number of steps after which every weight of the loss has its final value.
    """

    def __init__(self, spec: FullTrainSpec, warmup_steps: int, *, higher_is_better: bool) -> None:
        self.spec, self.warmup_steps, self._sign = spec, warmup_steps, -1.0 if higher_is_better else 1.0

    def finish_epoch(self, position: Position, monitored: float) -> bool:
        """Move the position to the next epoch; return whether the epoch that ends is the best so far."""
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
        """Whether the last epoch is done, or training ends early because of its patience or of a callback.

        A callback ends training after the current epoch.
        """
        stopping = self.spec.early_stopping
        stops_early = stopping is not None and position.since_best >= stopping.patience
        is_stopped = bool(position.stopped) and position.batch == 0
        return stops_early or is_stopped or position.epoch >= self.spec.epochs
