"""What the trainer trains: a model, or a part of one with a loss of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from zoo.model import Loss, StepLoss
from zoo.nn.adversary import Adversary


class Trainable(Protocol):
    """A module with a loss; :class:`zoo.model.Model` is one."""

    classes: int | None

    def __call__(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> StepLoss:
        """Return the loss of a batch, its terms, and what each adversary is shown."""

    def loss(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> Loss:
        """Return the loss of a batch and its terms."""

    def adversaries(self) -> Mapping[str, Adversary]:
        """Return the adversaries, which are trained on losses of their own."""

    def training_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters that descend on the loss, by name: not those of adversaries or of a fitted prior."""

    def update_schedules(self, step: int, steps_per_epoch: int) -> None:
        """Set every weight that changes during training to its value at a step, numbered from 0."""

    def warmup_steps(self, steps_per_epoch: int) -> int:
        """Return after how many steps every weight of the bound has its final value."""

    def higher_is_better(self, term: str) -> bool:
        """Whether a term of the loss improves as it rises, as a bound on log p(x) does."""

    # Of torch.nn.Module:
    def parameters(self) -> Iterator[nn.Parameter]: ...
    def buffers(self) -> Iterator[Tensor]: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> Any: ...
    def train(self, mode: bool = True) -> Any: ...
    def eval(self) -> Any: ...
    def to(self, device: torch.device) -> Any: ...
