"""The state of training between two steps: everything that is needed to continue, as tensors and plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.checkpoints.weights import load_weights, own_tensors
from zoo.training.callbacks import CallbackRunner
from zoo.training.ema import WeightAverage
from zoo.training.trainable import Trainable
from zoo.training.turn import MODEL, Turn
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup
from zoo.utils.seeds import random_states, restore_random_states


@dataclass
class Position:
    """The progress of training.

    Attributes:
        epoch: number of finished epochs.
        batch: number of finished batches of the current epoch.
        step: number of finished optimiser steps of the model.
        best: best value of the monitored term so far; None while a weight of the loss still warms up.
        best_epoch: the best epoch so far, numbered from 1.
        since_best: number of epochs since the best one.
        finished: whether the last epoch is done, or training was stopped early.
        examples: numbers of examples to train, to validate and to test on.
        stopped: the key of the callback that ended training; empty if none did.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    since_best: int = 0
    finished: bool = False
    examples: list[int] = field(default_factory=list)
    stopped: str = ""


@dataclass
class TrainingState:
    """A position and the tensors of the state at that position."""

    position: Position
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """The position as plain data."""
        return asdict(self.position)


def take_state(
    position: Position,
    model: Trainable,
    turns: Iterable[Turn],
    rows: Tensor,
    average: WeightAverage | None = None,
    callbacks: CallbackRunner | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> TrainingState:
    """Return the state: weights and their average, optimisers, random states, callbacks, terms of the epoch's steps.

    All processes must call it, because each has its own random state. Callbacks run only in the first process, which
    writes the state.

    Args:
        rows: terms of the loss in the steps of the current epoch.
    """
    tensors = {f"model.{name}": tensor for name, tensor in own_tensors(model).items()}
    for turn in turns:
        tensors |= {f"{_prefix(turn)}{name}": tensor for name, tensor in _optimizer_tensors(turn.optimizer).items()}
    for name, state in random_states().items():
        for rank, each in enumerate(group.gather(state.unsqueeze(0))):
            tensors[f"random.{name}{_suffix(rank)}"] = each
    tensors |= {f"average.{name}": tensor for name, tensor in (average.tensors() if average else {}).items()}
    tensors |= {f"callback.{name}": tensor for name, tensor in (callbacks.state() if callbacks else {}).items()}
    tensors["rows"] = rows
    return TrainingState(position, tensors)


def restore_state(
    state: TrainingState,
    model: Trainable,
    turns: Iterable[Turn],
    average: WeightAverage | None = None,
    callbacks: CallbackRunner | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Restore a state, and return the terms of the loss in the steps of its epoch.

    A process that did not exist when the state was saved keeps its random state.
    """
    load_weights(model, _with_prefix(state.tensors, "model."), "the saved state of training")
    for turn in turns:
        _restore_optimizer(turn.optimizer, _with_prefix(state.tensors, _prefix(turn)))
    if average is not None:
        average.restore(_with_prefix(state.tensors, "average."))
    if callbacks is not None:
        callbacks.restore(_with_prefix(state.tensors, "callback."))
    suffix, random = _suffix(group.rank), _with_prefix(state.tensors, "random.")
    restore_random_states({kind: random[kind + suffix] for kind in ("cpu", "cuda") if kind + suffix in random})
    return state.tensors["rows"]


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser, with the names ``INDEX.NAME``, where INDEX is that of the parameter."""
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _prefix(turn: Turn) -> str:
    return "optimizer." if turn.name == MODEL else f"turn.{turn.name}."


def _suffix(rank: int) -> str:
    return f".{rank}" if rank else ""


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
