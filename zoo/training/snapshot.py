"""The state of a training run between two steps: all that decides how it goes on, as tensors and plain facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from zoo.training.ema import WeightAverage
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup
from zoo.utils.seeds import random_states, restore_random_states


@dataclass
class Position:
    """How far training is.

    Attributes:
        epoch: finished epochs.
        batch: finished batches of the epoch that is under way.
        step: finished optimiser steps.
        best: smallest monitored loss so far, and the epoch (from 1) that reached it.
        since_best: epochs since then.
        finished: whether the last epoch is done, or training was stopped early.
        examples: how many there are to train, to validate and to test on.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    since_best: int = 0
    finished: bool = False
    examples: list[int] = field(default_factory=list)


@dataclass
class Snapshot:
    """A position with every tensor that belongs to it."""

    position: Position
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """The position as plain data."""
        return asdict(self.position)


def take_snapshot(
    position: Position,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Tensor,
    average: WeightAverage | None = None,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> Snapshot:
    """Gather weights, their average, optimiser, noise generators and the terms of the epoch's steps so far.

    All processes take part, for each has noise of its own; any of them may write what is returned.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items() if value is not None
        }
    for name, state in random_states().items():
        for rank, each in enumerate(processes.gather(state.unsqueeze(0))):
            tensors[f"random.{name}{_suffix(rank)}"] = each
    tensors |= {f"average.{name}": tensor for name, tensor in (average.tensors() if average else {}).items()}
    tensors["rows"] = rows
    return Snapshot(position, tensors)


def restore_snapshot(
    snapshot: Snapshot,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None = None,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Put everything back, and return the terms of the epoch's steps so far.

    A process that was not there when the snapshot was taken goes on with the noise that it has.
    """
    model.load_state_dict(_below(snapshot.tensors, "model."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below(snapshot.tensors, "optimizer.").items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    if average is not None:
        average.restore(_below(snapshot.tensors, "average."))
    suffix, random = _suffix(processes.rank), _below(snapshot.tensors, "random.")
    restore_random_states({kind: random[kind + suffix] for kind in ("cpu", "cuda") if kind + suffix in random})
    return snapshot.tensors["rows"]


def _suffix(rank: int) -> str:
    return f".{rank}" if rank else ""


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
