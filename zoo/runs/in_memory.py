"""Training without a run directory: records and the best weights stay in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.checkpoints.weights import own_tensors
from zoo.data.in_memory import as_memory
from zoo.data.loading import load_given
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.model.wiring import asked_for
from zoo.runs.data_fit import check_data, fit_to_data
from zoo.spec import DataSpec
from zoo.spec.model import ModelSpec
from zoo.spec.training import TrainSpec
from zoo.spec.validation import validate
from zoo.training.devices import make_accelerator
from zoo.training.loop import Trainer
from zoo.training.progress import Reporter, choose_reporter
from zoo.training.recorder import NullRecorder
from zoo.training.resolve import resolve_training
from zoo.training.state import Position
from zoo.utils.seeds import seeded


def train_in_memory(
    x: Any,
    spec: ModelSpec,
    *,
    data: Mapping[str, Any],
    train: Mapping[str, Any],
    seed: int,
    quiet: bool = True,
) -> tuple[Model, list[dict[str, Any]]]:
    """Train a model on data in memory; return the model of the best epoch, on the CPU, and the record of each epoch.

    Nothing is written, and the random state of torch does not change.

    Args:
        spec: the model; its shape and range are replaced by those of the data.
        data: fields of a recipe's `data`.
        train: fields of a recipe's `train`.

    Raises:
        DataError, RecipeError, ComponentError: as for :func:`zoo.train`.
        TrainingError: the loss is no longer finite.
    """
    reporter = choose_reporter(None, quiet=quiet)
    loaded, _ = load_given(x, validate(DataSpec, {**as_memory({}), **data}, "data"), note=reporter.note)
    fitted = fit_to_data(spec.model_copy(update={"data_shape": None}), loaded)
    if asked_for(fitted, "train_examples"):
        fitted = fitted.model_copy(update={"train_examples": len(loaded.train)})
    with seeded(seed):
        model = assemble(fitted)
        check_data(model.eval(), loaded)
        resolved = resolve_training(validate(TrainSpec, dict(train), "train"), model)
        recorder = _BestInMemory(model, reporter)
        trainer = Trainer(model, loaded, resolved, seed, make_accelerator(resolved), recorder)
        reporter.start(trainer.position, trainer.total_steps, trainer.spec.epochs, trainer.spec.batch_size)
        try:
            trainer.run()
        finally:
            reporter.stop()
    if recorder.best is not None:
        model.load_state_dict(recorder.best, strict=False)
    return model.cpu().eval(), recorder.records


class _BestInMemory(NullRecorder):
    """Keeps the best weights and the records of all epochs, and shows progress."""

    def __init__(self, model: Model, reporter: Reporter) -> None:
        self._model, self._reporter = model, reporter
        self.best: dict[str, Tensor] | None = None
        self.records: list[dict[str, Any]] = []

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """Move the bar."""
        self._reporter.steps(position, loss)

    def on_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """Keep the record, and the weights if they are the best so far."""
        self.records.append(record)
        self._reporter.epoch(record)
        if is_best:
            with torch.no_grad():
                self.best = {name: tensor.clone() for name, tensor in own_tensors(self._model).items()}
