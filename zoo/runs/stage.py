"""A stage of a run, training or the fit of a prior after it: its files, and its execution."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from torch import nn

from zoo.checkpoints.weights import (
    load_weights,
    own_tensors,
    read_tensors,
    read_weights,
    save_weights,
    write_tensors,
)
from zoo.errors import CheckpointError, RunError
from zoo.runs.epoch_record import parse_record
from zoo.training.interruption import Interruption
from zoo.training.loop import InterruptedTrainingError, Trainer
from zoo.training.progress import Reporter
from zoo.training.state import Position, TrainingState
from zoo.utils.files import append_line, replacing, write_text
from zoo.utils.foreign import parsing, read_text
from zoo.utils.text import excerpt

_POSITION = TypeAdapter(Position)
_LARGEST_METRICS = 2**26
_START_AGAIN = "Start a new run; the best model is still in the directory."


class StageFiles:
    """Reads and writes the state and the metrics of a stage.

    Args:
        folder: the run directory.
        name: name of the stage; its state is ``state/NAME.safetensors``.
        metrics: name of the JSON lines file, with an object per epoch.
        run_fields: returns the fields of the run's recipe that a state depends on; raises an error if the run was
            removed.
    """

    def __init__(
        self, folder: Path, name: str, metrics: str, run_fields: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        self.state, self.best, self.metrics = (
            folder / f"state/{name}.safetensors",
            folder / f"state/{name}-best.safetensors",
            folder / metrics,
        )
        self._run_fields = run_fields

    def clear(self) -> None:
        """Remove the files."""
        for path in (self.state, self.best, self.metrics):
            path.unlink(missing_ok=True)

    def write_best(self, module: nn.Module) -> None:
        """Write the best weights so far, for a stage whose weights are not a checkpoint."""
        self._run_fields()
        save_weights(own_tensors(module), self.best)

    def read_best(self, module: nn.Module) -> None:
        """Load the best weights into the module."""
        load_weights(module, read_weights(self.best), str(self.best))

    def write_state(self, state: TrainingState) -> None:
        """Write the state into a single file, so that all its parts belong to the same step.

        Raises:
            TrainingError: the run was removed.
        """
        # A single metadata entry: the format does not preserve their order, and equal runs must write equal bytes.
        facts = json.dumps({"position": state.facts, "run": self._run_fields()}, sort_keys=True)
        with replacing(self.state) as temporary:
            write_tensors(state.tensors, temporary, {"facts": facts})

    def has_state(self) -> bool:
        """Whether the file of the state exists."""
        return self.state.exists()

    def read_state(self) -> TrainingState | None:
        """Return the last state, or None if none was written yet.

        Raises:
            CheckpointError: the file is damaged, or belongs to another run.
        """
        if not self.has_state():
            return None
        tensors, written = read_tensors(self.state)
        with parsing(self.state, CheckpointError, remedy=_START_AGAIN):
            # Version 0.1 wrote only the position.
            facts = (
                json.loads(written["facts"]) if "facts" in written else {"position": json.loads(written["position"])}
            )
            position = _position(facts["position"])
            self._check_run(facts.get("run", {}))
        return TrainingState(position, tensors)

    def _check_run(self, before: Mapping[str, Any]) -> None:
        """Check that a state belongs to this run, by the fields that both versions know."""
        now = self._run_fields()
        for key in sorted(before.keys() & now.keys()):
            if before[key] != now[key]:
                raise CheckpointError(
                    f"expected the state of this run, got that of another: {key} was {excerpt(before[key])}, is "
                    f"{excerpt(now[key])}",
                    where=str(self.state),
                    remedy=_START_AGAIN,
                )

    def append_metrics(self, record: dict[str, Any]) -> None:
        """Append the record of an epoch; it is written to the disk before the state that includes the epoch.

        Raises:
            TrainingError: the run was removed.
        """
        self._run_fields()
        append_line(self.metrics, json.dumps(record))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the record of each epoch; an incomplete last line of a killed process is ignored.

        Raises:
            CheckpointError: the file is damaged.
        """
        with parsing(self.metrics, CheckpointError):
            return [parse_record(line) for line in self._lines()]

    def recorded_epochs(self) -> int:
        """Return the number of recorded epochs, without parsing the records.

        Raises:
            CheckpointError: the file cannot be read.
        """
        return len(self._lines())

    def truncate_metrics(self, epochs: int) -> None:
        """Keep the records of the first ``epochs`` epochs; later ones were written after the last state.

        Raises:
            CheckpointError: fewer epochs are recorded.
        """
        lines = self._lines()
        if len(lines) < epochs:
            raise CheckpointError(
                f"expected the records of {epochs} epochs, got {len(lines)}",
                where=str(self.metrics),
                remedy="Start a new run.",
            )
        kept = "".join(lines[:epochs])
        if not self.metrics.is_file() or read_text(self.metrics, limit=_LARGEST_METRICS) != kept:
            write_text(self.metrics, kept)

    def check_state_is_not_lost(self, first: int) -> None:
        """Check that a stage without a state has not got as far as the first one; otherwise it would start again.

        Args:
            first: the epoch after which the first state is written.

        Raises:
            RunError: more epochs are recorded.
        """
        recorded = self.recorded_epochs()
        if recorded > first:
            raise RunError(
                f"{recorded} epochs are recorded, but the state to continue from is missing",
                where=str(self.state),
                remedy="Restore the file, or start again with --overwrite.",
            )

    def _lines(self) -> list[str]:
        if not os.path.lexists(self.metrics):
            return []
        with parsing(self.metrics, CheckpointError):
            lines = read_text(self.metrics, limit=_LARGEST_METRICS).splitlines(keepends=True)
        return lines if not lines or lines[-1].endswith("\n") else lines[:-1]


def _position(fields: Any) -> Position:
    """Return the position of a state from plain data.

    Raises:
        ValueError: a field is unknown, of another type, or negative.
    """
    position = _POSITION.validate_python(fields)
    unknown = sorted(set(fields) - set(asdict(position)))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r} of the position")
    if min(position.epoch, position.batch, position.step, position.since_best, *position.examples) < 0:
        raise ValueError("the position is negative")
    return position


def _progress(trainer: Trainer) -> str:
    """Return a sentence on the position from which training continues."""
    position, epochs = trainer.position, trainer.spec.epochs
    if not position.finished:
        return f"Continuing after step {position.step} of {trainer.total_steps}, epoch {position.epoch} of {epochs}."
    if position.epoch >= epochs:
        return f"Training is finished: all {epochs} epochs are done."
    return f"Training is finished: it ended early, after epoch {position.epoch} of {epochs}."


def run_stage(
    trainer: Trainer,
    files: StageFiles,
    reporter: Reporter,
    *,
    continues: bool,
    prepare: Callable[[Position], None] = lambda position: None,
) -> None:
    """Train to the end; Ctrl-C and SIGTERM save the state before they stop training.

    Args:
        continues: whether to continue from the last state.
        prepare: called before the first step, in the first process.

    Raises:
        InterruptedTrainingError: training was interrupted; the message says how to continue.
    """
    with Interruption(ignore_second=trainer.group.count > 1) as interruption:
        trainer.should_stop = lambda: interruption.requested
        state = files.read_state() if continues else None
        if state is None and continues:
            files.check_state_is_not_lost(math.ceil(trainer.state_steps / trainer.steps_per_epoch))
        if state is not None:
            with parsing(files.state, CheckpointError, remedy=_START_AGAIN):
                trainer.resume(state)
            reporter.note(_progress(trainer))

        def prepare_files() -> None:
            prepare(trainer.position)
            files.truncate_metrics(trainer.epoch)

        trainer.group.first(prepare_files)
        reporter.start(trainer.position, trainer.total_steps, trainer.spec.epochs, trainer.spec.batch_size)
        try:
            trainer.run()
        except InterruptedTrainingError as error:
            error.where = str(files.metrics.parent)
            error.remedy = "The state is saved: repeat the command with --resume to continue."
            raise
        finally:
            reporter.stop()
