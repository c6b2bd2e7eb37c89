"""The results of an objective."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Loss(NamedTuple):
    """The loss and its terms.

    Attributes:
        total: scalar, the mean over the batch, in the unit of the objective.
        terms: named scalars without gradient, means over the batch; nats for log-densities.
    """

    total: Tensor
    terms: dict[str, Tensor]


class StepLoss(NamedTuple):
    """The loss of a training step, with the evidence for the adversaries' turns.

    Attributes:
        total: as of :class:`Loss`.
        terms: as of :class:`Loss`.
        evidence: for each adversary by name, the inputs of its own loss.
    """

    total: Tensor
    terms: dict[str, Tensor]
    evidence: dict[str, tuple[Tensor, ...]]
