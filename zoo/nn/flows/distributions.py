"""Distributions made by invertible maps of a simpler one, and the deterministic noise that estimates their moments."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.quasirandom import SobolEngine

from zoo.utils.once import once
from zoo.utils.precision import full_precision


class EstimatedMoments(Distribution):
    """A distribution whose mean and variance are estimated from 64 fixed points, so that they never change.

    The estimates are the same in each call and for each batch, and have a smaller error than the same number of random
    draws.

    Attributes:
        moment_points: number of points, even.
    """

    moment_points: ClassVar[int] = 64

    @abstractmethod
    def transform_noise(self, noise: Tensor) -> Tensor:
        """Map standard normal numbers (n, 1…, noise_dim) to draws (n, *batch, *event)."""

    @property
    @abstractmethod
    def noise_dim(self) -> int:
        """The number of standard normal numbers for each draw."""

    @property
    def mean(self) -> Tensor:
        """E[z], (*batch, *event), estimated from fixed points."""
        return self._points.mean(0)

    @property
    def variance(self) -> Tensor:
        """Var[z], (*batch, *event), estimated from fixed points."""
        return self._points.var(0, correction=0)

    @once
    def _points(self) -> Tensor:
        noise = spread_normal(self.moment_points, self.noise_dim)
        return self.transform_noise(noise.view(len(noise), *[1] * len(self.batch_shape), -1))


class Bijection(Protocol):
    """An invertible map of vectors, both ways with its log-determinant.

    Shapes:
        z (…, D), context (…, C) or None → y (…, D) and log |det ∂y/∂z| (…). Leading dimensions broadcast.
    """

    def __call__(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return y and log |det ∂y/∂z|."""

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and log |det ∂z/∂y|."""


class Inverse:
    """A bijection run backwards.

    Choose it if the other direction of the map is the cheap one: a density maps data to noise, a sampler maps noise to
    data.

    Example:
        >>> from zoo.nn.flows.masked import Autoregressive
        >>> step, z = Autoregressive(3), torch.randn(5, 3)
        >>> torch.equal(Inverse(step)(z)[0], step.inverse(z)[0])
        True
    """

    def __init__(self, bijection: Bijection) -> None:
        self.bijection = bijection

    def __call__(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Apply the ``inverse`` of the wrapped bijection."""
        return self.bijection.inverse(z, context)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Apply the wrapped bijection."""
        return self.bijection(y, context)


class FlowDistribution(EstimatedMoments):
    """The distribution of z = f_n(… f_1(ε)), where ε is Gaussian and each f is a bijection with the same context.

    :meth:`rsample_and_log_prob` never inverts a map; :meth:`log_prob` inverts each one.

    The mean and the variance have no closed form and are estimated, see :class:`EstimatedMoments`; the mean is exact if
    the maps are affine.

    Args:
        base: independent Gaussians with event shape (D,), the distribution of ε.
        maps: in the order in which ε passes them.
        context: (*batch, C), or None.

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows, section 3.
        https://arxiv.org/abs/1505.05770

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> from zoo.nn.flows.masked import Autoregressive
        >>> base = Independent(Normal(torch.zeros(5, 3), 1.0), 1)
        >>> q = FlowDistribution(base, [Autoregressive(3, context_dim=4)], torch.randn(5, 4))
        >>> z, log_q = q.rsample_and_log_prob((7,))
        >>> z.shape, torch.allclose(q.log_prob(z), log_q, atol=1e-4)
        (torch.Size([7, 5, 3]), True)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, base: Distribution, maps: Sequence[Bijection], context: Tensor | None = None) -> None:
        self.base, self.maps, self.context = base, tuple(maps), context
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> FlowDistribution:
        """Return the same distributions with a larger batch shape."""
        return FlowDistribution(self.base.expand(torch.Size(batch_shape)), self.maps, self.context)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, D), with gradients to all parameters."""
        return self._push(self.base.rsample(torch.Size(sample_shape)))[0]

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Return draws (*sample_shape, *batch, D) and their log-densities (*sample_shape, *batch)."""
        noise = self.base.rsample(torch.Size(sample_shape))
        with full_precision(noise):
            z, log_det = self._push(noise)
            return z, self.base.log_prob(noise) - log_det

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density at any values (…, *batch, D), by inverting the maps."""
        with full_precision(value):
            log_det: Tensor | float = 0.0
            for bijection in reversed(self.maps):
                value, change = bijection.inverse(value, self.context)
                log_det = log_det + change
            log_prob: Tensor = self.base.log_prob(value)
            return log_prob + log_det

    @property
    def noise_dim(self) -> int:
        """D."""
        return self.event_shape[0]

    def transform_noise(self, noise: Tensor) -> Tensor:
        """Map standard normal numbers (n, 1…, D) to z (n, *batch, D)."""
        centre = self.base.mean
        return self._push(centre + self.base.stddev * noise.to(centre))[0]

    def _push(self, z: Tensor) -> tuple[Tensor, Tensor]:
        with full_precision(z):
            log_det = z.new_zeros(())
            for bijection in self.maps:
                z, change = bijection(z, self.context)
                log_det = log_det + change
            return z, log_det


@functools.lru_cache(maxsize=16)
def spread_normal(n: int, dimensions: int) -> Tensor:
    """Return n points (n, dimensions), n even, spread like N(0, I): always the same, in pairs ±ε.

    They estimate expectations with a smaller error than the same number of random draws. Their mean is 0 and their
    variance 1 in each dimension. With at least four points for each dimension, their covariance is I, so the moments of
    affine functions are exact.

    Source:
        Owen (1998), Scrambling Sobol' and Niederreiter–Xing Points. https://doi.org/10.1006/jcom.1998.0487

    Example:
        >>> points = spread_normal(64, 3)
        >>> points.shape, bool(points.mean(0).abs().max() < 1e-6)
        (torch.Size([64, 3]), True)
    """
    if dimensions <= SobolEngine.MAXDIM:
        uniform = SobolEngine(dimensions, scramble=True, seed=0).draw(n // 2, dtype=torch.float64)
    else:
        uniform = torch.rand(n // 2, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    half = torch.special.ndtri(uniform.clamp(1e-9, 1 - 1e-9))
    if n >= 4 * dimensions:
        lower = torch.linalg.cholesky(half.T @ half / len(half))
        half = torch.linalg.solve_triangular(lower, half.T, upper=False).T
    else:
        half = half / half.square().mean(0).sqrt()
    return torch.cat([half, -half]).float()
