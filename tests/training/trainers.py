"""Small trainings whose records, states and figures a test looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure

import zoo
from zoo.callbacks import Callback
from zoo.data import Data
from zoo.model import Model
from zoo.spec import TrainSpec
from zoo.training.devices import make_accelerator
from zoo.training.loop import Trainer
from zoo.training.resolve import make_callbacks, resolve_training
from zoo.training.state import Position, TrainingState


class MemoryRecorder:
    """Keeps in memory all that training records."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.states: list[TrainingState] = []
        self.best: list[int] = []
        self.values: list[tuple[dict[str, float], int]] = []
        self.figures: list[tuple[str, int]] = []

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        self.steps, self.total_steps = position.step, total_steps

    def on_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        self.records.append(record)
        self.best += [record["epoch"]] if is_best else []

    def on_state(self, state: TrainingState) -> None:
        tensors = {name: tensor.clone() for name, tensor in state.tensors.items()}
        self.states.append(TrainingState(Position(**state.facts), tensors))

    def on_values(self, values: Mapping[str, float], step: int) -> None:
        self.values.append((dict(values), step))

    def on_figure(self, name: str, figure: Figure, step: int) -> None:
        self.figures.append((name, step))


SMALL: dict[str, Any] = {"encoder": {"widths": [32]}, "decoder": {"widths": [32]}}


def trainer(
    data: Data,
    seed: int = 0,
    *,
    model: Mapping[str, Any] | None = None,
    callbacks: Mapping[str, Callback] | None = None,
    named: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[Trainer, MemoryRecorder]:
    """Return a trainer of a small VAE, and what records it.

    Args:
        model: fields of the model's spec to set.
        named: the callbacks that the recipe names.
        options: fields of the training's spec to set.
    """
    torch.manual_seed(seed)
    made = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), **{**SMALL, **(model or {})})
    usual = {"epochs": 3, "batch_size": 64, "precision": "fp32", "device": "cpu", "callbacks": dict(named or {})}
    spec = TrainSpec.model_validate({**usual, **options})
    spec = resolve_training(spec, made)
    recorder = MemoryRecorder()
    accelerator = make_accelerator(spec)
    return Trainer(made, data, spec, seed, accelerator, recorder, make_callbacks(spec, callbacks)), recorder


def weights(model: Model) -> torch.Tensor:
    """Return all parameters in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def same_tensors(first: TrainingState, second: TrainingState) -> bool:
    """Say whether two states hold the same tensors to the last bit."""
    return first.tensors.keys() == second.tensors.keys() and all(
        torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items()
    )
