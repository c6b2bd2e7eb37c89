"""Objectives: what is minimised, and what it means to draw a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import ComponentError
from zoo.model.parts import Parts
from zoo.spec.model import ModelSpec


class Loss(NamedTuple):
    """What is minimised, and what it is made of.

    Attributes:
        total: scalar, the mean over the batch, in the unit of the objective.
        terms: named scalars without gradient, means over the batch; nats where they are log-densities.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Objective(nn.Module, ABC):
    """Turns parts and a batch into a loss, and parts into samples.

    Attributes:
        needs: the parts that a spec must name for this objective; it refuses the others.
        alternatives: other sets of parts that serve as well, where a spec names those instead.
        uses_time: whether the parts are conditioned on the step of a chain.
        unit: the unit of the loss, for logs and figures.
    """

    needs: ClassVar[tuple[str, ...]]
    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = ()
    uses_time: ClassVar[bool] = False
    unit: ClassVar[str] = "nats"

    @abstractmethod
    def loss(self, parts: Parts, x: Tensor, labels: Tensor | None = None) -> Loss:
        """Return the loss of a batch (B, *data_shape) and its terms."""

    @abstractmethod
    def sample(self, parts: Parts, n: int, labels: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n examples (n, *data_shape); see :meth:`zoo.model.model.Model.sample`.

        An objective may take more options by keyword, each with a default; the model hands them on.
        """

    def emission(self, parts: Parts, raw: Tensor) -> Distribution:
        """Return p(x|z) from what the decoder gives: what the likelihood says, unless the objective knows better."""
        distribution: Distribution = parts.likelihood(raw)
        return distribution

    def check(self, spec: ModelSpec, parts: Parts) -> None:
        """Refuse parts that cannot work under this objective.

        Raises:
            ComponentError: names both, and what to use instead.
        """

    def why_no_reconstruction(self, parts: Parts) -> str | None:
        """Return why data cannot be encoded and decoded again, or None if they can."""
        return None

    def check_data(
        self, parts: Parts, examples: Tensor, data_range: tuple[float, float] | None, where: str = "data.scale"
    ) -> None:
        """Refuse data that were not scaled as the objective and its likelihood expect.

        Args:
            examples: (N, *data_shape) some of the data, as prepared.
            data_range: smallest and largest value that the data may take; None for any real number.

        Raises:
            DataError: expected says what, got what, and how to scale the data.
        """
        parts.likelihood.check_range(data_range, where)

    def advance(self, step: int, steps_per_epoch: int) -> None:
        """Take note of how far training is, before the step with this number from 0."""


def sample_latents(
    parts: Parts, n: int, labels: Tensor | None = None, *, noise: bool = False, latents: Distribution | None = None
) -> Tensor:
    """Draw z and decode it: the mean of p(x|z), or with ``noise`` a draw of it, (n, *data_shape).

    Args:
        latents: what z is drawn from, with event shape (d,); the prior if not given.
    """
    source = parts.prior if latents is None else latents
    p = parts.decode(source.sample(torch.Size([n])).to(parts.device), labels)
    return p.sample() if noise else p.mean


def impossible(first: str, second: str, why: str, instead: str) -> ComponentError:
    """Word the refusal of two parts that cannot work together."""
    return ComponentError(f"{first} and {second} cannot work together: {why}", where="model", remedy=instead)
