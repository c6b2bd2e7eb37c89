"""What an objective returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Loss(NamedTuple):
    """What is minimised, and what it is made of.

    Attributes:
        total: scalar, the mean over the batch, in the unit of the objective.
        terms: named scalars without gradient, means over the batch; nats where they are log-densities.
    """

    total: Tensor
    terms: dict[str, Tensor]


class StepLoss(NamedTuple):
    """The loss of a training step, with what the adversaries are shown in their turns.

    Attributes:
        total: as of :class:`Loss`.
        terms: as of :class:`Loss`.
        evidence: by the name of an adversary, the tensors that its own loss is computed from.
    """

    total: Tensor
    terms: dict[str, Tensor]
    evidence: dict[str, tuple[Tensor, ...]]
