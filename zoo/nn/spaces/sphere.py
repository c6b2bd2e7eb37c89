"""The unit sphere S^{m−1} in m dimensions: its area, the uniform distribution, and distributions around an axis."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F


def log_area(dimensions: int) -> float:
    """Return the logarithm of the area of the unit sphere in a number of dimensions, 2 π^{m/2} / Γ(m/2).

    Example:
        >>> math.isclose(log_area(3), math.log(4 * math.pi))
        True
    """
    return math.log(2) + dimensions / 2 * math.log(math.pi) - math.lgamma(dimensions / 2)


class UniformSphere(Distribution):
    """The uniform distribution on the unit sphere; densities are with respect to its area.

    Args:
        dimensions: m, the dimension of the surrounding space.
        like: a tensor with the batch shape, dtype and device of the draws.

    Example:
        >>> lengths = UniformSphere(3, torch.zeros(())).sample((5,)).norm(dim=-1)
        >>> torch.allclose(lengths, torch.ones(5))
        True
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, dimensions: int, like: Tensor) -> None:
        self.dimensions, self.like = dimensions, like
        super().__init__(like.shape, torch.Size([dimensions]), validate_args=False)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> UniformSphere:
        """Return the same distribution with a larger batch shape."""
        return UniformSphere(self.dimensions, self.like.expand(torch.Size(batch_shape)))

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, m)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return F.normalize(torch.randn(shape, dtype=self.like.dtype, device=self.like.device), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density at points of the sphere (…, m)."""
        return torch.full(value.shape[:-1], -log_area(self.dimensions), dtype=value.dtype, device=value.device)

    def entropy(self) -> Tensor:
        """Return log |S^{m−1}|, (*batch,) nats."""
        return torch.full_like(self.like, log_area(self.dimensions))


class AxialDistribution(Distribution):
    """A distribution on the unit sphere that depends only on the angle to an axis.

    As in torch's ``VonMises``, the mean is a point of the sphere: the mean direction. Densities are with respect to the
    area of the sphere.

    Args:
        axis: μ, (*batch, m), of length 1.
        concentration: κ, (*batch,).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, axis: Tensor, concentration: Tensor) -> None:
        self.axis, self.concentration = axis, concentration
        super().__init__(axis.shape[:-1], axis.shape[-1:], validate_args=False)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> AxialDistribution:
        """Return the same distributions with a larger batch shape."""
        batch = torch.Size(batch_shape)
        return type(self)(self.axis.expand(batch + self.event_shape), self.concentration.expand(batch))

    @property
    def dimensions(self) -> int:
        """m."""
        return self.event_shape[0]

    @property
    def mean(self) -> Tensor:
        """The mean direction μ, (*batch, m)."""
        return self.axis

    @property
    def variance(self) -> Tensor:
        """The variance of each coordinate, (*batch, m)."""
        first, second = (moment.to(self.axis.dtype).unsqueeze(-1) for moment in self.cosine_moments())
        across = (1 - second) / (self.dimensions - 1)
        return (across + self.axis.square() * (second - across - first.square())).clamp_min(0)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, m), with gradients to the axis and the concentration."""
        shape = self._extended_shape(torch.Size(sample_shape))
        cosine, sine = self.rsample_angle(shape[:-1])
        noise = torch.randn(shape, dtype=self.axis.dtype, device=self.axis.device)
        # All directions perpendicular to the axis are equally likely.
        across = F.normalize(noise - (noise * self.axis).sum(-1, keepdim=True) * self.axis, dim=-1)
        return cosine.unsqueeze(-1) * self.axis + sine.unsqueeze(-1) * across

    @abstractmethod
    def rsample_angle(self, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Draw the cosine and the sine of the angle to the axis, (*sample, *batch)."""

    @abstractmethod
    def cosine_moments(self) -> tuple[Tensor, Tensor]:
        """Return the mean of the cosine of the angle and of its square, (*batch,)."""


def unit_vector(raw: Tensor) -> Tensor:
    """Return raw / ‖raw‖, (…, m), with a finite gradient even near 0."""
    return raw / (raw.square().sum(-1, keepdim=True) + 1e-12).sqrt()
