"""The training loop: epochs over the data, validation, and what a listener is told on the way."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor

from zoo.data import Data, Split
from zoo.errors import RunError, TrainingError
from zoo.model import Model
from zoo.spec.training import TrainSpec
from zoo.training.devices import mixed_precision
from zoo.training.schedules import learning_rate_factor
from zoo.training.snapshot import Position, Snapshot, restore_snapshot, take_snapshot
from zoo.training.step import Stepper
from zoo.training.terms import StepTerms, row_of
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import epoch_order, process_seed, seeded

_LOOK_EVERY, _LOOK_SECONDS = 50, 1.0
"""Steps, and on an accelerator seconds, between two looks at the losses: a look waits for the device."""

_ASK_SECONDS = 5.0
"""Seconds, or less, between two times that processes ask each other whether to stop; clusters give them 30."""


class Listener(Protocol):
    """What is told how training goes; it writes files and draws progress."""

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """A few more steps are done; ``loss`` is that of the last one."""

    def on_epoch(self, record: dict[str, Any], model: Model, *, is_best: bool) -> None:
        """An epoch is done, with its mean loss terms on training and validation data."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """A state is due to be kept."""


class NoListener:
    """Writes and shows nothing: that of the processes other than the first."""

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """Show nothing."""

    def on_epoch(self, record: dict[str, Any], model: Model, *, is_best: bool) -> None:
        """Write nothing."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Write nothing."""


class InterruptedTrainingError(TrainingError):
    """Training stopped because somebody asked for it; the state is saved."""


@dataclass
class Trainer:
    """Trains one model on one dataset, in one process or, started by a launcher, in each of several.

    Several processes share each batch: the loss and its gradient are those of the whole, whoever computes which part.

    Attributes:
        seed: decides the order of the data; noise comes from torch's generator.
        listener: is told how it goes; a :class:`NoListener` in all processes but the first.
        should_stop: asked after each step; the reason to stop now, or None.
    """

    model: Model
    data: Data
    spec: TrainSpec
    seed: int
    accelerator: Accelerator
    listener: Listener
    should_stop: Callable[[], str | None] = lambda: None

    def __post_init__(self) -> None:
        self.device = self.accelerator.device
        self.processes = ProcessGroup.here(self.device)
        if self.processes.count > 1:
            torch.manual_seed(process_seed(self.seed, self.processes.rank))
        self.model.to(self.device)
        self.train_split = self.data.train.to(self.device)
        self.validation_split = self.data.validation.to(self.device) if self.data.validation else None
        self.stepper = Stepper(self.model, self.train_split, self.spec, self.accelerator, self.processes)
        self.average = self.stepper.average
        self.steps_per_epoch = math.ceil(len(self.train_split) / self.spec.batch_size)
        self.total_steps = self.spec.epochs * self.steps_per_epoch
        self.snapshot_steps = max(1, self.spec.checkpoint_every.in_steps(self.steps_per_epoch))
        splits = (self.data.train, self.data.validation, self.data.test)
        self.position = Position(examples=[len(split) if split else 0 for split in splits])
        self.terms = StepTerms(self.processes, self.device, self.steps_per_epoch)
        self._looked_at = (0, -math.inf)
        self._ask_every = 1

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot as if nothing had happened.

        Raises:
            RunError: the data have become more or fewer, and with them other examples are trained and tested on.
        """
        before, now = snapshot.position.examples, self.position.examples
        if before and before != now:
            raise RunError(
                f"the run was begun with {_counted(before)} examples to train, validate and test on, now there are "
                f"{_counted(now)}: the splits are others, and examples that were trained on may be tested on",
                where="data",
                remedy="Bring back the data that the run was begun with, or choose another --out.",
            )
        rows = restore_snapshot(snapshot, self.model, self.stepper.optimizer, self.average, self.processes)
        self.position = snapshot.position
        self.position.finished = self._is_finished()
        self.terms.replace(rows)

    def run(self) -> Position:
        """Train until the last epoch, an early stop, or an interruption.

        Raises:
            TrainingError: the loss is no longer finite.
            InterruptedTrainingError: ``should_stop`` gave a reason; a snapshot was handed to the listener first.
        """
        while not self.position.finished:
            self._train_epoch()
            self._finish_epoch()
        if self.average is not None:
            self.average.install()
        return self.position

    def _train_epoch(self) -> None:
        self.model.train()
        for batch in self.stepper.batches(self._order_left()):
            self.stepper.set_learning_rate(self._rate_factor())
            self.model.update_schedules(self.position.step, self.steps_per_epoch)
            share = self._share()
            loss = self.stepper.step(batch, share, self.position.step + 1)
            self.terms.add(loss, share)
            self.position.batch += 1
            self.position.step += 1
            if self._look_is_due():
                self.listener.on_steps(self.position, self.total_steps, self._check_finite())
            if self.position.batch < self.steps_per_epoch:
                self._pause()

    def _order_left(self) -> Tensor:
        """Return the examples that are left of the epoch, in their order."""
        order = epoch_order(len(self.train_split), self.seed, self.position.epoch)
        return order[self.position.batch * self.spec.batch_size :]

    def _rate_factor(self) -> float:
        return learning_rate_factor(self.spec.schedule, self.position.step, self.total_steps, self.steps_per_epoch)

    def _share(self) -> float:
        """Return how much of the batch that comes now is this process's."""
        size = min(self.spec.batch_size, len(self.train_split) - self.position.batch * self.spec.batch_size)
        return self.processes.weight(size)

    def _look_is_due(self) -> bool:
        if self.position.step == 1:
            return True
        if self.position.step % _LOOK_EVERY:
            return False
        # An accelerator is ahead of its host, and a look makes the host wait. Several processes look after equally
        # many steps, for each look is a sum over all.
        is_ahead = self.device.type != "cpu" and self.processes.count == 1
        return not is_ahead or time.monotonic() - self._looked_at[1] > _LOOK_SECONDS

    def _pause(self) -> None:
        """Between two steps of an epoch: save where that is due, and stop if asked to."""
        due = self.position.step % self.snapshot_steps == 0
        # Several processes stop after the same step, and asking each other costs time.
        asks = due or self.position.step % self._ask_every == 0
        reason = self._reason_to_stop() if asks else None
        if reason is not None or due:
            self._check_finite()
            self._keep()
        if reason is not None:
            raise InterruptedTrainingError(f"stopped by {reason} after step {self.position.step} of {self.total_steps}")

    def _reason_to_stop(self) -> str | None:
        reason = self.should_stop()
        return (reason or "another process") if self.processes.any(reason is not None) else None

    def _keep(self) -> None:
        """Have the state written; where that fails, all processes stop."""
        rows = self.terms.all()
        snapshot = take_snapshot(self.position, self.model, self.stepper.optimizer, rows, self.average, self.processes)
        self.processes.first(lambda: self.listener.on_snapshot(snapshot))

    def _check_finite(self) -> float:
        """Return the last loss, or raise with the step and the term that went wrong first."""
        unseen = self.position.step - self._looked_at[0]
        recent = self.terms.last(max(unseen, 1))
        now = time.monotonic()
        if unseen:
            self._set_pace((now - self._looked_at[1]) / unseen)
        self._looked_at = (self.position.step, now)
        bad = (~recent.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            step = self.position.step - len(recent) + row + 1
            names = [self.terms.names[int(index)] for r, index in bad if r == row]
            culprit = next((name for name in names if name not in ("loss", "elbo")), names[0])
            value = recent[row, self.terms.names.index(culprit)].item()
            raise TrainingError(
                f"the term {culprit!r} became {value} at step {step} (epoch {self.position.epoch + 1})",
                remedy="Try a smaller `train.optimizer.lr`, `train.clip_norm: 1.0`, a warm-up of the schedule, or "
                "`train.precision: fp32`; and check the data for values that are not finite. "
                "The last good checkpoint is kept.",
            )
        return recent[-1, 0].item()

    def _set_pace(self, seconds: float) -> None:
        """Take note of what a step takes: several processes ask each other after as many steps, the same for all."""
        if self.processes.count > 1:
            mean = self.processes.sum(torch.tensor(seconds)).item() / self.processes.count
            self._ask_every = max(1, min(_LOOK_EVERY, int(_ASK_SECONDS / max(mean, 1e-3))))

    def _finish_epoch(self) -> None:
        last = self._check_finite()
        record: dict[str, Any] = {
            "epoch": self.position.epoch + 1,
            "step": self.position.step,
            "learning_rate": self.stepper.learning_rate,
            "train": self._mean_of_rows(),
        }
        with self.average.installed() if self.average else contextlib.nullcontext():
            if self.validation_split is not None:
                record["validation"] = self.evaluate(self.validation_split)
            is_best = self._judge(record.get("validation", record["train"])["loss"])
            record["best"] = is_best
            self.listener.on_steps(self.position, self.total_steps, last)
            self.processes.first(lambda: self.listener.on_epoch(record, self.model, is_best=is_best))
        due = self.position.finished or self.position.step % self.snapshot_steps < self.steps_per_epoch
        reason = self._reason_to_stop()
        if due or reason is not None:
            self._keep()
        if reason is not None and not self.position.finished:
            done = f"epoch {self.position.epoch} of {self.spec.epochs}"
            raise InterruptedTrainingError(f"stopped by {reason} after {done}")

    def _mean_of_rows(self) -> dict[str, float]:
        rows = self.terms.all().double()
        sizes = torch.full((len(rows),), float(self.spec.batch_size), dtype=torch.float64)
        sizes[-1] = len(self.train_split) - self.spec.batch_size * (len(rows) - 1)
        means = (rows * sizes[:, None]).sum(0) / sizes.sum()
        return dict(zip(self.terms.names, means.tolist(), strict=True))

    def _judge(self, monitored: float) -> bool:
        """Move on to the next epoch; say whether this one is the best so far."""
        stopping = self.spec.early_stopping
        margin = stopping.min_delta if stopping else 0.0
        position = self.position
        is_best = position.best is None or monitored < position.best - margin
        position.epoch, position.batch = position.epoch + 1, 0
        self.terms.replace(torch.zeros(0))
        position.since_best = 0 if is_best else position.since_best + 1
        if is_best:
            position.best, position.best_epoch = monitored, position.epoch
        position.finished = self._is_finished()
        return is_best

    def _is_finished(self) -> bool:
        stopping = self.spec.early_stopping
        stops_early = stopping is not None and self.position.since_best >= stopping.patience
        return stops_early or self.position.epoch >= self.spec.epochs

    @torch.no_grad()
    def evaluate(self, split: Split) -> dict[str, float]:
        """Return the mean loss terms over a split, with the same noise each time."""
        self.model.eval()
        processes, rows, sizes = self.processes, [], []
        for buffer in self.model.buffers() if processes.count > 1 else ():
            processes.copy_from_first(buffer)  # running averages, which are of each process's own share
        precision = mixed_precision(self.accelerator)
        own = processes.own(len(split)) if processes.count > 1 else None  # None is a slice, and costs no look-up
        with seeded(process_seed(self.seed, processes.rank)):
            for batch in split.batches(max(self.spec.batch_size, 512), order=own, device=self.device):
                with precision:
                    loss = self.model(batch.x, batch.labels if self.model.classes else None)
                rows.append(row_of(loss))
                sizes.append(len(batch.x))
        weights = torch.tensor(sizes, dtype=torch.float64)
        sums = torch.zeros(len(self.terms.names), dtype=torch.float64)
        if rows:
            sums = (torch.stack(rows).cpu().double() * weights[:, None]).sum(0)
        return dict(zip(self.terms.names, (processes.sum(sums) / len(split)).tolist(), strict=True))


def _counted(examples: list[int]) -> str:
    return ", ".join(f"{count:,}" for count in examples)
