"""The Poincaré ball, a model of hyperbolic space of curvature −c, and the wrapped normal distribution in it."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from zoo.nn.flows.distributions import EstimatedMoments

_EDGE = 1e-6
"""The smallest distance of points from the edge, as a share of the radius: closer to it, float32 has few digits of the
distance."""


def from_origin(v: Tensor, curvature: float) -> Tensor:
    """Map a tangent vector v (…, d) at the origin, in an orthonormal frame, to a point (…, d): the exponential map.

    The distance of the point from the origin is ‖v‖.
    """
    scaled = math.sqrt(curvature) * _length(v)
    return v * (torch.tanh(scaled / 2) / scaled)


def to_origin(z: Tensor, curvature: float) -> Tensor:
    """Map a point z (…, d) to its tangent vector v (…, d) at the origin: the inverse of :func:`from_origin`.

    Example:
        >>> v = torch.tensor([1.0, -2.0], dtype=torch.float64)
        >>> torch.allclose(to_origin(from_origin(v, 0.5), 0.5), v)
        True
    """
    scaled = math.sqrt(curvature) * _length(z)
    return z * (2 * torch.atanh(scaled.clamp_max(1 - 1e-15)) / scaled)


def mobius_translate(z: Tensor, by: Tensor, curvature: float) -> Tensor:
    """Return by ⊕ z, (…, d): the isometry that moves the origin to ``by`` (Möbius addition)."""
    product = 2 * curvature * (by * z).sum(-1, keepdim=True)
    mine, other = (curvature * point.square().sum(-1, keepdim=True) for point in (by, z))
    return ((1 + product + other) * by + (1 - mine) * z) / (1 + product + mine * other)


def log_sinhc(x: Tensor) -> Tensor:
    """Return log(sinh(x) / x) for x ≥ 0, accurate near 0 and without overflow.

    Example:
        >>> log_sinhc(torch.tensor([0.0, 1000.0]))
        tensor([  0.0000, 992.3991])
    """
    small = x < 0.1
    large = torch.where(small, 1.0, x)
    square = torch.where(small, x, 0.0).square()
    series = square / 6 - square.square() / 180 + square.pow(3) / 2835
    return torch.where(small, series, large + torch.log1p(-torch.exp(-2 * large)) - torch.log(2 * large))


class WrappedNormal(EstimatedMoments):
    r"""A Gaussian at the origin of hyperbolic space that is moved to another centre.

    The exponential map sends a tangent vector v ~ N(0, diag(σ²)) at the origin to a point, and the isometry that moves
    the origin to the centre μ moves this point. With respect to the hyperbolic volume, log q(z) = log N(v; 0, σ²) − (d
    − 1) log(sinh(√c r) / (√c r)), where r = ‖v‖ is the distance of z from μ. It is computed in float64; the mean is the
    centre.

    Args:
        centre: (*batch, d), the tangent vector at the origin whose exponential map is μ.
        scale: σ > 0, (*batch, d).
        curvature: c > 0; the ball has the radius 1 / √c.

    Source:
        Mathieu et al. (2019), Continuous Hierarchical Representations with Poincaré Variational Auto-Encoders,
        equations 4 to 6. https://arxiv.org/abs/1901.06033
        Nagano et al. (2019), A Wrapped Normal Distribution on Hyperbolic Space, section 3.
        https://arxiv.org/abs/1902.02992

    Example:
        >>> q = WrappedNormal(torch.zeros(5, 2), torch.ones(5, 2))
        >>> z, log_q = q.rsample_and_log_prob((7,))
        >>> bool((z.norm(dim=-1) < 1).all()), torch.allclose(q.log_prob(z), log_q, atol=1e-3)
        (True, True)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, centre: Tensor, scale: Tensor, curvature: float = 1.0) -> None:
        self.centre, self.scale, self.curvature = centre, scale, curvature
        self.point = from_origin(centre.double(), curvature)
        super().__init__(centre.shape[:-1], centre.shape[-1:], validate_args=False)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: object | None = None
    ) -> WrappedNormal:
        """Return the same distributions with a larger batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        return WrappedNormal(self.centre.expand(shape), self.scale.expand(shape), self.curvature)

    @property
    def mean(self) -> Tensor:
        """The centre μ, (*batch, d), a point of the ball."""
        return self.point.to(self.centre.dtype)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, d), with gradients to the centre and the scale."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Return draws (*sample_shape, *batch, d) and their log-densities (*sample_shape, *batch)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.centre.dtype, device=self.centre.device).double()
        v = self.scale.double() * noise
        return self._carried(v), self._log_density(noise, v).to(self.centre.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density at points of the ball (…, *batch, d)."""
        v = to_origin(mobius_translate(value.double(), -self.point, self.curvature), self.curvature)
        return self._log_density(v / self.scale.double(), v).to(value.dtype)

    def _log_density(self, noise: Tensor, v: Tensor) -> Tensor:
        dimensions = self.event_shape[0]
        gaussian = -0.5 * noise.square().sum(-1) - self.scale.double().log().sum(-1)
        stretch = log_sinhc(math.sqrt(self.curvature) * _length(v).squeeze(-1))
        return gaussian - 0.5 * dimensions * math.log(2 * math.pi) - (dimensions - 1) * stretch

    def _carried(self, v: Tensor) -> Tensor:
        z = mobius_translate(from_origin(v, self.curvature), self.point, self.curvature)
        farthest = (1 - _EDGE) / math.sqrt(self.curvature)
        return (z * (farthest / _length(z)).clamp_max(1)).to(self.centre.dtype)

    @property
    def noise_dim(self) -> int:
        """d."""
        return self.event_shape[0]

    def transform_noise(self, noise: Tensor) -> Tensor:
        """Map standard normal numbers (n, 1…, d) to points (n, *batch, d)."""
        return self._carried(self.scale.double() * noise.to(self.scale.device).double())


def _length(v: Tensor) -> Tensor:
    """Return ‖v‖, (…, 1), with a finite gradient at 0."""
    return (v.square().sum(-1, keepdim=True) + 1e-30).sqrt()
