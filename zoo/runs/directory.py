"""A run directory: what stands where, and how it is written so that a kill at any moment loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, save
from zoo.errors import CheckpointError, RunError
from zoo.evaluation.record import read_record
from zoo.model import Model
from zoo.runs.run_data import DATA
from zoo.spec.documents import to_yaml
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe
from zoo.training.snapshot import Position, Snapshot
from zoo.utils.files import remove_partial, replacing, write_text

RECIPE, METRICS, EVALUATION, CARD = "recipe.yaml", "metrics.jsonl", "evaluation.json", "README.md"
REPORT = "report.html"
_STATE = "state/training.safetensors"
_LOCK = "state/lock"


class RunDirectory:
    """The files of one run.

    ``recipe.yaml`` as resolved; ``config.json`` and ``model.safetensors``, the best model; ``last/``, the last
    one; ``metrics.jsonl``, an object an epoch; ``evaluation.json``; ``figures/``; ``README.md``; and ``state/``,
    from which ``--resume`` continues.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / "figures"

    def exists(self) -> bool:
        """Whether the directory holds a run."""
        return (self.path / RECIPE).is_file()

    def was_trained_in(self) -> bool:
        """Whether a run was begun here, rather than a recipe put here."""
        return (self.path / _LOCK).parent.is_dir()

    def is_finished(self) -> bool:
        """Whether the run was trained and evaluated to its end."""
        return (self.path / EVALUATION).is_file()

    def check_free(self, *, overwrite: bool) -> None:
        """Refuse a place where a new run would stand in the way of something.

        Raises:
            RunError: a run or other files are there already, or it is no directory.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError("a file is in the way", where=str(self.path), remedy="Choose another --out.")
        if self.exists() and not overwrite:
            raise RunError(
                "a run is there already",
                where=str(self.path),
                remedy="Continue it with --resume, replace it with --overwrite, or choose another --out.",
            )
        entries = list(self.path.iterdir()) if self.path.is_dir() else []
        if not self.exists() and any(entry.name != "state" for entry in entries):
            raise RunError(
                "the directory is not empty and holds no run",
                where=str(self.path),
                remedy="Choose another --out, or empty it yourself.",
            )

    def clear(self) -> None:
        """Remove the files of a run, and nothing else that a person may have put there."""
        remove_partial(self.path)
        for name in (EVALUATION, REPORT, METRICS, CARD, CONFIG, WEIGHTS, _STATE, DATA, RECIPE):
            (self.path / name).unlink(missing_ok=True)
        for folder in ("last", "figures"):
            shutil.rmtree(self.path / folder, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this directory.

        Raises:
            RunError: another process does.
        """
        lock = self.path / _LOCK
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot be made: {error.strerror}", where=str(self.path)) from error
        try:
            with FileLock(lock, timeout=0):
                yield
        except Timeout as error:
            raise RunError(
                "another process is training here", where=str(self.path), remedy="Wait for it, or choose another --out."
            ) from error

    def write_recipe(self, recipe: Recipe) -> None:
        """Write the recipe with every default."""
        write_text(self.path / RECIPE, to_yaml(recipe.to_dict()))

    def read_recipe(self) -> Recipe:
        """Read the recipe of the run."""
        return load_recipe(self.path / RECIPE)

    def write_best(self, model: Model) -> None:
        """Write the checkpoint that :func:`zoo.load` opens."""
        save(model, self.path)

    def write_last(self, model: Model) -> None:
        """Write the weights as training left them, as a checkpoint of its own."""
        save(model, self.path / "last")

    def append_metrics(self, record: dict[str, Any]) -> None:
        """Add the line of an epoch; it is on the disk before the state that counts it."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the record of each epoch."""
        try:
            text = (self.path / METRICS).read_text(encoding="utf-8")
            return [json.loads(line) for line in text.splitlines()]
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise CheckpointError(f"damaged: {error}", where=str(self.path / METRICS)) from error

    def keep_metrics(self, epochs: int) -> None:
        """Drop the lines of epochs that the state does not know, which a killed process had begun."""
        path = self.path / METRICS
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        if len(lines) < epochs:
            raise CheckpointError(
                f"{epochs} epochs were trained, {len(lines)} are recorded", where=str(path), remedy="Start a new run."
            )
        write_text(path, "".join(lines[:epochs]))

    def write_state(self, snapshot: Snapshot) -> None:
        """Write the state in one file: its parts belong to the same step or none of them counts."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in snapshot.tensors.items()}
        with replacing(self.path / _STATE) as temporary:
            save_file(tensors, temporary, metadata={"position": json.dumps(snapshot.facts)})

    def read_state(self) -> Snapshot | None:
        """Return the last state, or None if the run was killed before the first one.

        Raises:
            CheckpointError: the file is damaged.
        """
        path = self.path / _STATE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                position = Position(**json.loads(file.metadata()["position"]))
                return Snapshot(position, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"damaged: {error}", where=str(path), remedy="Start a new run; the best model is still there."
            ) from error

    def write_evaluation(self, evaluation: dict[str, Any]) -> None:
        """Write the metrics; their presence says that the run is finished."""
        write_text(self.path / EVALUATION, json.dumps(evaluation, indent=2, ensure_ascii=False) + "\n")

    def remove_evaluation(self) -> None:
        """Remove the figures and the report of a run that goes on: they are not of the model that it will end with."""
        for name in (EVALUATION, REPORT):
            (self.path / name).unlink(missing_ok=True)

    def read_evaluation(self) -> dict[str, Any] | None:
        """Return the metrics, or None before the run is finished."""
        path = self.path / EVALUATION
        if not path.is_file():
            return None
        return read_record(json.loads(path.read_text(encoding="utf-8")))
