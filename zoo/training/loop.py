"""The training loop: epochs over the data, validation, and what is recorded on the way."""

from __future__ import annotations

import contextlib
import math
import time
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
from zoo.training.judge import Judge
from zoo.training.recorder import NullRecorder, Recorder
from zoo.training.state import Position, TrainingState, restore_state, take_state
from zoo.training.step import Stepper
from zoo.training.terms import StepTerms
from zoo.training.trainable import Trainable
from zoo.training.validation import Validation
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import epoch_order

_LOOK_EVERY, _LOOK_SECONDS = 50, 1.0
"""Steps, and on an accelerator seconds, between two looks at the losses: a look waits for the device."""

_ASK_SECONDS = 5.0
"""Seconds, or less, between two times that processes ask each other whether to stop; clusters give them 30."""


class InterruptedTrainingError(TrainingError):
    """Training stopped because somebody asked for it; the state is saved."""


class Trainer:
    """Trains one model on one dataset, in one process or, started by a launcher, in each of several.

    Several processes share each batch: the loss and its gradient are those of the whole batch. A trainer is what
    callbacks see of training (:class:`zoo.callbacks.Training`).

    Args:
        seed: decides the order of the data; noise comes from torch's generator.
        recorder: writes records, states and figures, in the first process only.
        callbacks: by key; called in the first process only.
        should_stop: asked after each step; the reason to stop now, or None.
        watched: the model as callbacks see it, where a part of it is trained; if not given, what is trained.
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
        self.judge = Judge(spec, self.warmup_steps, higher_is_better=model.higher_is_better(spec.monitor))
        self.state_steps = max(1, spec.checkpoint_every.in_steps(self.steps_per_epoch))
        splits = (data.train, data.validation, data.test)
        self.position = Position(examples=[len(split) if split else 0 for split in splits])
        every = {turn.name: turn.every for turn in self.stepper.turns[1:]}
        self.terms = StepTerms(self.group, self.device, self.steps_per_epoch, every)
        self.validation = Validation(model, spec, seed, accelerator, self.group)
        self.first_loss = self.validation.first_look(self.validation_split or self.train_split)
        self._looked_at = (0, -math.inf)
        self._ask_every = 1
        self._failure: Exception | None = None

    # What a callback sees, beside the attributes above.

    @property
    def step(self) -> int:
        """Optimiser steps of the model that are done."""
        return self.position.step

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return self.position.epoch

    def stop(self) -> None:
        """End training after the epoch that is under way."""
        self.callbacks.stop()

    def log(self, values: Mapping[str, float]) -> None:
        """Send numbers to the experiment trackers, under the step that is done."""
        self.recorder.on_values(values, self.position.step)

    def show(self, name: str, figure: MatplotlibFigure) -> None:
        """Keep a figure, and send it to the experiment trackers."""
        self.recorder.on_figure(name, figure, self.position.step)

    def resume(self, state: TrainingState) -> None:
        """Continue from a saved state as if nothing had happened.

        Raises:
            RunError: the data have become more or fewer, so that other examples are trained and tested on.
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
        self.position.finished = self.judge.is_finished(self.position)
        self.callbacks.stopped_by = self.position.stopped
        self.terms.replace(rows)

    def run(self) -> Position:
        """Train until the last epoch, an early stop, or an interruption.

        Raises:
            TrainingError: the loss is no longer finite, or a callback failed.
            InterruptedTrainingError: ``should_stop`` gave a reason; the state was handed to the recorder first.
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
            if self._look_is_due():
                self._report_step()
            if position.batch < self.steps_per_epoch:
                self._pause()

    def _remaining_order(self) -> Tensor:
        """Return the examples that are left of the epoch, in their order."""
        order = epoch_order(len(self.train_split), self.seed, self.position.epoch)
        return order[self.position.batch * self.spec.batch_size :]

    def _share(self) -> float:
        """Return how much of the next batch is this process's."""
        size = min(self.spec.batch_size, len(self.train_split) - self.position.batch * self.spec.batch_size)
        return self.group.weight(size)

    def _look_is_due(self) -> bool:
        if self.position.step == 1:
            return True
        if self.position.step % _LOOK_EVERY:
            return False
        # An accelerator is ahead of its host, and a look makes the host wait. Several processes look after equally
        # many steps, since each look is a sum over all.
        is_ahead = self.device.type != "cpu" and self.group.count == 1
        return not is_ahead or time.monotonic() - self._looked_at[1] > _LOOK_SECONDS

    def _report_step(self) -> None:
        loss = self._check_finite()
        self.recorder.on_steps(self.position, self.total_steps, loss)
        try:
            self.callbacks.on_steps(self, loss)
        except Exception as error:
            if self.group.count == 1:
                raise
            self._failure = error  # the other processes learn of it at their next question

    def _pause(self) -> None:
        """Between two steps of an epoch: save the state where that is due, and stop if asked to."""
        due = self.position.step % self.state_steps == 0
        # Several processes stop after the same step, and asking each other costs time.
        asks = due or self.position.step % self._ask_every == 0
        reason = self._reason_to_stop() if asks else None
        if reason is not None or due:
            self._check_finite()
            self._save_state()
        if reason is not None:
            raise InterruptedTrainingError(f"stopped by {reason} after step {self.position.step} of {self.total_steps}")

    def _reason_to_stop(self) -> str | None:
        """Ask all processes why to stop now; note which callback ends training after this epoch."""
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
        """Have the state written; where that fails, all processes stop."""
        rows, turns = self.terms.all(), self.stepper.turns
        state = take_state(self.position, self.trained, turns, rows, self.average, self.callbacks, self.group)
        self.group.first(lambda: self.recorder.on_state(state))

    def _check_finite(self) -> float:
        """Return the last loss, or raise with the step and the term that went wrong first."""
        unseen = self.position.step - self._looked_at[0]
        recent = self.terms.last(max(unseen, 1))
        now = time.monotonic()
        if unseen:
            self._set_pace((now - self._looked_at[1]) / unseen)
        self._looked_at = (self.position.step, now)
        bad = self.terms.first_not_finite(recent, lambda name: name == "loss" or self.trained.higher_is_better(name))
        if bad is not None:
            row, term, value = bad
            step = self.position.step - len(recent) + row + 1
            raise TrainingError(
                f"the term {term!r} became {value} at step {step} (epoch {self.position.epoch + 1})",
                remedy="Try a smaller `train.optimizer.lr`, `train.clip_norm: 1.0`, a warm-up of the schedule, or "
                "`train.precision: fp32`; and check the data for values that are not finite. "
                "The last good checkpoint is kept.",
            )
        return recent[-1, 0].item()

    def _set_pace(self, seconds: float) -> None:
        """Note what a step takes: several processes ask each other after as many steps, the same for all."""
        if self.group.count > 1:
            mean = self.group.sum(torch.tensor(seconds)).item() / self.group.count
            self._ask_every = max(1, min(_LOOK_EVERY, int(_ASK_SECONDS / max(mean, 1e-3))))

    def _finish_epoch(self) -> None:
        last = self._check_finite()
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
            record["best"] = is_best = self.judge.finish_epoch(self.position, monitored)
            self.terms.replace(torch.zeros(0))
            self.recorder.on_steps(self.position, self.total_steps, last)
            self.group.first(lambda: self._record_epoch(record, is_best=is_best))
        reason = self._reason_to_stop()
        self.position.finished = self.judge.is_finished(self.position)
        if self.position.finished:
            # Before the last state: a run that is killed in between makes its last epoch again, and calls it again.
            with self._averaged():
                self.group.first(lambda: self.callbacks.on_end(self))
        if self.position.finished or reason is not None or self.position.step % self.state_steps < self.steps_per_epoch:
            self._save_state()
        if reason is not None and not self.position.finished:
            done = f"epoch {self.position.epoch} of {self.spec.epochs}"
            raise InterruptedTrainingError(f"stopped by {reason} after {done}")

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which the model has the weights that are validated and saved."""
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
