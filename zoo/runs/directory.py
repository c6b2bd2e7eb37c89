"""A run directory: its files, and how they are written so that a run killed at any moment loses nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, save
from zoo.checkpoints.weights import load_weights, read_weights
from zoo.errors import RunError, TrainingError
from zoo.evaluation.record import load_record
from zoo.model import Model
from zoo.runs.changes import CHANGES, read_changes
from zoo.runs.folder import check_no_other_files, check_own_folders, is_started, locked
from zoo.runs.run_data import DATA
from zoo.runs.stage import StageFiles
from zoo.spec.documents import flat_document, read_yaml, to_yaml
from zoo.spec.model import PARTS
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe
from zoo.utils.files import remove_partial, write_text

RECIPE, METRICS, EVALUATION, CARD = "recipe.yaml", "metrics.jsonl", "evaluation.json", "README.md"
REPORT = "report.html"
CHECKPOINTS = "checkpoints"
_IN_STATE = (
    *("seed", "model.objective", "model.data_shape", "model.latent_dim", "model.classes", "model.condition"),
    *(f"model.{role}." for role in PARTS),
    *("model.regularisers", "train.batch_size", "train.optimizer", "train.groups", "train.turns", "fit."),
)
"""Fields of a recipe that determine the tensors of a training state; they are stored with it."""


class RunDirectory:
    """The files of one run.

    - ``recipe.yaml``: the recipe with every default.
    - ``config.json`` and ``model.safetensors``: the best model; ``last/``: the last one; ``checkpoints/``: models of
      chosen epochs.
    - ``metrics.jsonl``: a line per epoch; ``fit.jsonl``: the same for a prior that is fitted after training.
    - ``changes.jsonl``: fields that the user changed when the run was resumed.
    - ``evaluation.json``, ``figures/`` and ``README.md``: the metrics, the figures and the model card.
    - ``state/``: the state that ``--resume`` continues from.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.training = StageFiles(self.path, "training", METRICS, self._fields)
        self.fit = StageFiles(self.path, "fit", "fit.jsonl", self._fields)
        self._document: dict[str, Any] | None = None
        self._known_fields: dict[str, Any] | None = None

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / "figures"

    def exists(self) -> bool:
        """Whether the directory contains a run."""
        return (self.path / RECIPE).is_file()

    def _fields(self) -> dict[str, Any]:
        """Return the fields of the recipe that a state of training depends on.

        Raises:
            TrainingError: the run was removed.
        """
        self._check_present()
        if self._known_fields is None:
            flat = flat_document(self._document or read_yaml(self.path / RECIPE))
            changed = {change.field for change in read_changes(self.path)}
            fields = {key: value for key, value in flat.items() if key.startswith(_IN_STATE)}
            self._known_fields = {key: value for key, value in fields.items() if key not in changed}
        return self._known_fields

    def _check_present(self) -> None:
        """Check that the directory was not removed, and that no folder in it is a link.

        A directory that was removed would be created again, with only a part of the run.
        """
        if not self.exists():
            raise TrainingError(
                f"the run directory was removed, or its {RECIPE}",
                where=str(self.path),
                remedy="Start again with another --out.",
            )
        check_own_folders(self.path)

    def is_started(self) -> bool:
        """Whether training has started here; a recipe may only have been copied here."""
        return is_started(self.path)

    def is_finished(self) -> bool:
        """Whether the run has been trained and evaluated."""
        return (self.path / EVALUATION).is_file()

    def check_free(self, *, overwrite: bool) -> None:
        """Check that a new run can be written to the path.

        Raises:
            RunError: it is a file, or a directory that contains a run or other files.
        """
        if self.exists() and not overwrite:
            raise RunError(
                "the directory already contains a run",
                where=str(self.path),
                remedy="Continue it with --resume, replace it with --overwrite, or choose another --out.",
            )
        if not self.exists():
            check_no_other_files(self.path, "run")

    def clear(self) -> None:
        """Remove the files of a run, but not those that the user has put there."""
        remove_partial(self.path)
        for name in (EVALUATION, REPORT, CARD, CONFIG, WEIGHTS, DATA, CHANGES):
            (self.path / name).unlink(missing_ok=True)
        for stage in (self.training, self.fit):
            stage.clear()
        for folder in ("last", "figures", CHECKPOINTS):
            shutil.rmtree(self.path / folder, ignore_errors=True)
        # Last: the recipe marks the directory as a run, so that --overwrite can clear the rest if this is interrupted.
        (self.path / RECIPE).unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this directory.

        Raises:
            RunError: another process is training there.
            OSError: the directory cannot be created; the error names it.
        """
        with locked(self.path, "another process is training in this directory"):
            yield

    def write_recipe(self, recipe: Recipe) -> None:
        """Write the recipe with every default."""
        self._known_fields, self._document = None, recipe.to_dict()
        write_text(self.path / RECIPE, to_yaml(self._document))

    def read_recipe(self) -> Recipe:
        """Read the recipe of the run."""
        return load_recipe(self.path / RECIPE)

    def write_best(self, model: Model) -> None:
        """Write the best model, the checkpoint that :func:`zoo.load` opens."""
        self._check_present()
        save(model, self.path)

    def write_last(self, model: Model) -> None:
        """Write the model after the last epoch as a separate checkpoint."""
        self._check_present()
        save(model, self.path / "last")

    def write_epoch(self, model: Model, epoch: int) -> None:
        """Write the model after an epoch as a separate checkpoint, such as ``checkpoints/epoch-0005``."""
        self._check_present()
        save(model, self.path / CHECKPOINTS / f"epoch-{epoch:04d}")

    def read_best(self, model: Model) -> None:
        """Load the best weights into a model; those of a fitted prior only if the model has one."""
        tensors = read_weights(self.path / WEIGHTS)
        if not model.has("fitted_prior"):
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("fitted_prior.")}
        load_weights(model, tensors, str(self.path / WEIGHTS))

    def write_evaluation(self, evaluation: dict[str, Any]) -> None:
        """Write the metrics, which marks the run as finished."""
        self._check_present()
        write_text(self.path / EVALUATION, json.dumps(evaluation, indent=2, ensure_ascii=False) + "\n")

    def remove_evaluation(self) -> None:
        """Remove the evaluation and the report of a run that continues, because its final model will differ."""
        for name in (EVALUATION, REPORT):
            (self.path / name).unlink(missing_ok=True)

    def read_evaluation(self) -> dict[str, Any] | None:
        """Return the metrics, or None before the run is finished."""
        return load_record(self.path / EVALUATION)
