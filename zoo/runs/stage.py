"""The files of one stage of a run: its state, from which ``--resume`` continues, and an object an epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from zoo.checkpoints.weights import load_weights, own_tensors, read_weights, save_weights, write_tensors
from zoo.errors import CheckpointError
from zoo.training.interruption import Interruption
from zoo.training.loop import InterruptedTrainingError, Trainer
from zoo.training.progress import Reporter
from zoo.training.state import Position, TrainingState
from zoo.utils.files import replacing, write_text


class StageFiles:
    """Reads and writes the state and the metrics of a stage: training, or the fit of a prior after it.

    Args:
        folder: of the run.
        name: of the stage; its state is ``state/NAME.safetensors``.
        metrics: name of the JSON lines file, an object an epoch.
    """

    def __init__(self, folder: Path, name: str, metrics: str) -> None:
        self.state, self.best, self.metrics = (
            folder / f"state/{name}.safetensors",
            folder / f"state/{name}-best.safetensors",
            folder / metrics,
        )

    def clear(self) -> None:
        """Remove the files."""
        for path in (self.state, self.best, self.metrics):
            path.unlink(missing_ok=True)

    def write_best(self, module: nn.Module) -> None:
        """Write the best weights so far, for a stage whose weights are no checkpoint of their own."""
        save_weights(own_tensors(module), self.best)

    def read_best(self, module: nn.Module) -> None:
        """Put the best weights into the module."""
        load_weights(module, read_weights(self.best), str(self.best))

    def write_state(self, state: TrainingState) -> None:
        """Write the state in one file: its parts belong to the same step or none of them counts."""
        with replacing(self.state) as temporary:
            write_tensors(state.tensors, temporary, {"position": json.dumps(state.facts)})

    def read_state(self) -> TrainingState | None:
        """Return the last state, or None if the run was killed before the first one.

        Raises:
            CheckpointError: the file is damaged.
        """
        if not self.state.is_file():
            return None
        try:
            with safe_open(self.state, framework="pt") as file:
                position = Position(**json.loads(file.metadata()["position"]))
                return TrainingState(position, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"damaged: {error}", where=str(self.state), remedy="Start a new run; the best model is still there."
            ) from error

    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add the line of an epoch; it is on the disk before the state that counts it."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the record of each epoch.

        Raises:
            CheckpointError: the file is damaged.
        """
        try:
            return [json.loads(line) for line in self.metrics.read_text(encoding="utf-8").splitlines()]
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise CheckpointError(f"damaged: {error}", where=str(self.metrics)) from error

    def keep_metrics(self, epochs: int) -> None:
        """Drop the lines of epochs that the state does not count, which a killed process wrote last.

        Raises:
            CheckpointError: there are fewer lines than the state counts.
        """
        lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True) if self.metrics.is_file() else []
        if len(lines) < epochs:
            raise CheckpointError(
                f"expected the records of {epochs} epochs, got {len(lines)}",
                where=str(self.metrics),
                remedy="Start a new run.",
            )
        if len(lines) > epochs or not self.metrics.is_file():
            write_text(self.metrics, "".join(lines[:epochs]))


def run_stage(
    trainer: Trainer,
    files: StageFiles,
    reporter: Reporter,
    *,
    continues: bool,
    prepare: Callable[[Position], None] = lambda position: None,
) -> None:
    """Train to the end, from the last state if the stage continues; Ctrl-C and SIGTERM save the state first.

    Args:
        prepare: called before the first step, in the first process.

    Raises:
        InterruptedTrainingError: training was interrupted; the message says how to continue.
    """
    with Interruption(ignore_second=trainer.group.count > 1) as interruption:
        trainer.should_stop = lambda: interruption.requested
        state = files.read_state() if continues else None
        if state is not None:
            trainer.resume(state)
            reporter.note(f"Continuing after step {trainer.step} of {trainer.total_steps}.")

        def make_ready() -> None:
            prepare(trainer.position)
            files.keep_metrics(trainer.epoch)

        trainer.group.first(make_ready)
        reporter.start(trainer.position, trainer.total_steps, trainer.spec.epochs, trainer.spec.batch_size)
        try:
            trainer.run()
        except InterruptedTrainingError as error:
            error.where = str(files.metrics.parent)
            error.remedy = "The state is saved: give the same command with --resume to continue."
            raise
        finally:
            reporter.stop()
