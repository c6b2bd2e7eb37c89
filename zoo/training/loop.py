"""The training loop: epochs over the data, validation, and the records of both."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from accelerate import Accelerator
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.callbacks import Callback
from zoo.data import Data
from zoo.errors import OtherProcessError, RunError, TrainingError
from zoo.model import Model
from zoo.spec.training import TrainSpec
from zoo.training.callbacks import CallbackRunner
from zoo.training.loss_check import CHECK_STEPS, LossCheck
from zoo.training.recorder import NullRecorder, Recorder
from zoo.training.selection import EpochSelection
from zoo.training.state import Position, TrainingState, restore_state, take_state
from zoo.training.step import Stepper
from zoo.training.terms import StepTerms
from zoo.training.trainable import Trainable
from zoo.training.validation import Validation
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import epoch_order

_AGREEMENT_SECONDS = 5.0
"""The longest time after which several processes agree on whether to stop; clusters usually kill them after 30."""


class InterruptedTrainingError(TrainingError):
    """Training was interrupted from outside; the state is saved."""


class Trainer:
    """Trains a model on data, in one process or in each of several that a launcher started.

    Several processes share each batch: the loss and its gradient are those of the whole batch. Callbacks see the
    trainer as :class:`zoo.callbacks.Training`.

    Args:
        seed: seed of the order of the data; noise comes from torch's generator.
        recorder: writes records, states and figures, in the first process only.
        callbacks: by key; called in the first process only.
        should_stop: called after each step; returns the reason to stop now, or None.
        watched: the whole model, for callbacks, if ``model`` is only a part of it.
    """

    def __init__(
        self,
        model: Trainable,
        data: Data,
        spec: TrainSpec,
        seed: int,
        accelerator: Accelerator,
        recorder: Recorder | None = None,
        callbacks: Mapping[str, Callback] | None = None,
        should_stop: Callable[[], str | None] = lambda: None,
        *,
        watched: Model | None = None,
    ) -> None:
        self.model = watched if watched is not None else cast(Model, model)
        spec = spec.for_examples(len(data.train))
        self.trained, self.data, self.spec, self.seed = model, data, spec, seed
        self.accelerator, self.device, self.should_stop = accelerator, accelerator.device, should_stop
        self.group = ProcessGroup.here(self.device)
        self.recorder: Recorder = recorder if recorder and self.group.is_first else NullRecorder()
        self.callbacks = CallbackRunner((callbacks or {}) if self.group.is_first else {}, seed)
        model.to(self.device)
        self.train_split = data.train.to(self.device)
        self.validation_split = data.validation.to(self.device) if data.validation else None
        self.stepper = Stepper(model, self.train_split.for_training(), spec, accelerator, self.group)
        self.average = self.stepper.average
        self.steps_per_epoch = math.ceil(len(self.train_split) / spec.batch_size)
        self.total_steps = spec.epochs * self.steps_per_epoch
        self.warmup_steps = model.warmup_steps(self.steps_per_epoch)
        self.selection = EpochSelection(spec, self.warmup_steps, higher_is_better=model.higher_is_better(spec.monitor))
        self.state_steps = max(1, spec.checkpoint_every.in_steps(self.steps_per_epoch))
        splits = (data.train, data.validation, data.test)
        self.position = Position(examples=[len(split) if split else 0 for split in splits])
        every = {turn.name: turn.every for turn in self.stepper.turns[1:]}
        self.terms = StepTerms(self.group, self.device, self.steps_per_epoch, every)
        self.check_loss = LossCheck(
            self.terms, self.device, self.group, lambda name: name == "loss" or model.higher_is_better(name)
        )
        self.validation = Validation(model, spec, seed, accelerator, self.group)
        self.first_loss = self.validation.initial_value(self.validation_split or self.train_split)
        self._failure: Exception | None = None

    # The interface for callbacks, in addition to the attributes above.

    @property
    def step(self) -> int:
        """Number of finished optimiser steps of the model."""
        return self.position.step

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return self.position.epoch

    def stop(self) -> None:
        """End training after the current epoch."""
        self.callbacks.stop()

    def log(self, values: Mapping[str, float]) -> None:
        """Send numbers to the experiment trackers, for the last step."""
        self.recorder.on_values(values, self.position.step)

    def show(self, name: str, figure: MatplotlibFigure) -> None:
        """Save a figure, and send it to the experiment trackers."""
        self.recorder.on_figure(name, figure, self.position.step)

    def resume(self, state: TrainingState) -> None:
        """Continue from a saved state as if training had not been interrupted.

        Raises:
            RunError: the number of examples has changed, and with it the splits.
        """
        before, now = state.position.examples, self.position.examples
        if before and before != now:
            raise RunError(
                f"expected {_counted(before)} examples to train, validate and test on, got "
                f"{_counted(now)}: the splits differ, and examples that were trained on may be tested on",
                where="data",
                remedy="Restore the data that the run was started with, or choose another --out.",
            )
        rows = restore_state(state, self.trained, self.stepper.turns, self.average, self.callbacks, self.group)
        self.position = state.position
        self.position.finished = self.selection.is_finished(self.position)
        self.callbacks.stopped_by = self.position.stopped
        self.terms.replace(rows)

    def run(self) -> Position:
        """Train until the last epoch, an early stop, or an interruption.

        Raises:
            TrainingError: the loss is no longer finite, or a callback failed.
            InterruptedTrainingError: ``should_stop`` returned a reason; the recorder has received the state.
        """
        if not self.position.finished:
            self.group.first(lambda: self.callbacks.on_start(self))
        while not self.position.finished:
            self._train_epoch()
            self._finish_epoch()
        if self.average is not None:
            self.average.install()
        self.stepper.release()
        return self.position

    def _train_epoch(self) -> None:
        self.trained.train()
        position = self.position
        for batch in self.stepper.batches(self._remaining_order()):
            for turn in self.stepper.turns:
                turn.set_learning_rate(position.step, self.total_steps, self.steps_per_epoch)
            self.trained.update_schedules(position.step, self.steps_per_epoch)
            share = self._share()
            self.terms.add(self.stepper.step(batch, share, position.step), share)
            position.batch += 1
            position.step += 1
            if self.check_loss.is_due(position.step):
                self._report_step()
            if position.batch < self.steps_per_epoch:
                self._save_or_stop()

    def _remaining_order(self) -> Tensor:
        """Return the indices of the epoch's remaining examples, in their order."""
        order = epoch_order(len(self.train_split), self.seed, self.position.epoch)
        return order[self.position.batch * self.spec.batch_size :]

    def _share(self) -> float:
        """Return this process's share of the next batch, between 0 and 1."""
        size = min(self.spec.batch_size, len(self.train_split) - self.position.batch * self.spec.batch_size)
        return self.group.weight(size)

    def _report_step(self) -> None:
        loss = self.check_loss(self.position)
        self.recorder.on_steps(self.position, self.total_steps, loss)
        try:
            self.callbacks.on_steps(self, loss)
        except Exception as error:
            if self.group.count == 1:
                raise
            self._failure = error  # the other processes are told when they next agree on whether to stop

    def _save_or_stop(self) -> None:
        """Save the state between two steps of an epoch if it is due, and stop if there is a reason to."""
        due = self.position.step % self.state_steps == 0
        # Several processes must stop after the same step, and agreeing on it takes time.
        agrees = due or self.position.step % self._agreement_steps() == 0
        reason = self._reason_to_stop() if agrees else None
        if reason is not None or due:
            self.check_loss(self.position)
            self._save_state()
        if reason is not None:
            raise InterruptedTrainingError(f"stopped by {reason} after step {self.position.step} of {self.total_steps}")

    def _agreement_steps(self) -> int:
        """Return the number of steps after which all processes agree on whether to stop."""
        seconds = self.check_loss.step_seconds
        return 1 if seconds is None else max(1, min(CHECK_STEPS, int(_AGREEMENT_SECONDS / max(seconds, 1e-3))))

    def _reason_to_stop(self) -> str | None:
        """Return the reason of any process to stop now; record the callback that ends training after this epoch."""
        reason, callback = self.should_stop(), self.callbacks.stopped_by
        interrupted, ended, failed = self.group.any_of_each(
            reason is not None, bool(callback), self._failure is not None
        )
        if failed:
            raise self._failure or OtherProcessError(
                f"process 0 of {self.group.count} failed; its own message says why"
            )
        self.position.stopped = (callback or "a callback") if ended else ""
        return (reason or "another process") if interrupted else None

    def _save_state(self) -> None:
        """Pass the state to the recorder; if it cannot be written, all processes stop."""
        rows, turns = self.terms.all(), self.stepper.turns
        state = take_state(self.position, self.trained, turns, rows, self.average, self.callbacks, self.group)
        self.group.first(lambda: self.recorder.on_state(state))

    def _finish_epoch(self) -> None:
        last = self.check_loss(self.position)
        record = self._new_record()
        self.trained.eval()
        with self._averaged():
            if self.validation_split is not None:
                record["validation"] = self.validation.means(self.validation_split, self.terms.names)
            monitored = record.get("validation", record["train"])[self.spec.monitor]
            if math.isnan(monitored):
                raise TrainingError(
                    f"the monitored term {self.spec.monitor!r} is not a number after epoch {self.position.epoch + 1}",
                    remedy="Check the validation data for values that are not finite. The last good checkpoint is "
                    "kept.",
                )
            record["best"] = is_best = self.selection.finish_epoch(self.position, monitored)
            self.terms.replace(torch.zeros(0))
            self.recorder.on_steps(self.position, self.total_steps, last)
            self.group.first(lambda: self._record_epoch(record, is_best=is_best))
        reason = self._reason_to_stop()
        self.position.finished = self.selection.is_finished(self.position)
        if self.position.finished:
            # Before the last state is saved: a run that is killed in between repeats its last epoch and this call.
            with self._averaged():
                self.group.first(lambda: self.callbacks.on_end(self))
        if self.position.finished or reason is not None or self.position.step % self.state_steps < self.steps_per_epoch:
            self._save_state()
        if reason is not None and not self.position.finished:
            done = f"epoch {self.position.epoch} of {self.spec.epochs}"
            raise InterruptedTrainingError(f"stopped by {reason} after {done}")

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which the model has the weights to validate and save: averaged ones, if any."""
        return self.average.installed() if self.average else contextlib.nullcontext()

    def _new_record(self) -> dict[str, Any]:
        position, size = self.position, self.spec.batch_size
        sizes = torch.full((self.steps_per_epoch,), float(size), dtype=torch.float64)
        sizes[-1] = len(self.train_split) - size * (self.steps_per_epoch - 1)
        means, adversaries = self.terms.means(position.step - self.steps_per_epoch, sizes)
        return {
            "epoch": position.epoch + 1,
            "step": position.step,
            "learning_rate": self.stepper.turns[0].learning_rate,
            "train": means,
            **({"adversaries": adversaries} if adversaries else {}),
        }

    def _record_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        self.callbacks.on_epoch(self, record)
        self.recorder.on_epoch(record, is_best=is_best)


def _counted(examples: list[int]) -> str:
    return ", ".join(f"{count:,}" for count in examples)
