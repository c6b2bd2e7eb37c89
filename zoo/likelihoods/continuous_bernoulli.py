"""The likelihood of greyscale data as a density."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints
from torch.nn import functional as F

from zoo.likelihoods import Likelihood, Support
from zoo.likelihoods._parameters import Shape
from zoo.registry import register
from zoo.utils.precision import at_least_float32

_SMALL = 0.5
"""|a| below which a series is more accurate than the closed form in float32."""
_TINY = 1e-3


class ContinuousBernoulliDistribution(Distribution):
    r"""The density on [0, 1] proportional to exp(a x), with logits a; for a = 0 it is uniform.

    Apart from simple terms, all functions are even or odd in a, which avoids cancellation; near a = 0 a series replaces
    the closed form.

    Args:
        logits: a, of any shape, which is the batch shape.

    Example:
        >>> p = ContinuousBernoulliDistribution(torch.tensor([-2.0, 0.0, 2.0]))
        >>> p.mean, p.log_prob(torch.tensor(0.5))
        (tensor([0.3435, 0.5000, 0.6565]), tensor([-0.1614,  0.0000, -0.1614]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> ContinuousBernoulliDistribution:
        """Return the same distributions with a larger batch shape."""
        return ContinuousBernoulliDistribution(self.logits.expand(batch_shape))

    @property
    def _is_small(self) -> Tensor:
        return self.logits.abs() < _SMALL

    @property
    def _safe(self) -> Tensor:
        """|a|, or 1 if a is so small that a series is used, so that no gradient becomes infinite."""
        return torch.where(self._is_small, 1.0, self.logits.abs())

    @property
    def log_normaliser(self) -> Tensor:
        """log ∫₀¹ exp(a x) dx."""
        a, b = self.logits, self._safe
        closed = F.relu(a) + torch.log(-torch.expm1(-b)) - b.log()
        square = a * a
        series = a / 2 + square / 24 - square**2 / 2880 + square**3 / 181440
        return torch.where(self._is_small, series, closed)

    @property
    def mean(self) -> Tensor:
        """The derivative of the log-normaliser, 1/(1 − e^(−a)) − 1/a."""
        a, b = self.logits, self._safe
        above_half = -1 / torch.expm1(-b) - 1 / b - 0.5
        series = a / 12 - a**3 / 720 + a**5 / 30240
        return 0.5 + torch.where(self._is_small, series, a.sign() * above_half)

    @property
    def variance(self) -> Tensor:
        """The second derivative, 1/a² − 1/(4 sinh²(a/2))."""
        a, b = self.logits, self._safe
        closed = 1 / (b * b) - torch.exp(-b) / torch.expm1(-b).square()
        square = a * a
        series = 1 / 12 - square / 240 + square**2 / 6048 - square**3 / 172800
        return torch.where(self._is_small, series, closed)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return a x − log ∫ exp(a x) dx for each value, in nats."""
        return self.logits * value - self.log_normaliser

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw by the inverse of the distribution function."""
        shape = self._extended_shape(sample_shape)
        uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        return self.icdf(uniform)

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value below which a draw lies with the given probability."""
        a = self.logits
        is_tiny = a.abs() < _TINY
        b = torch.where(is_tiny, 1.0, a.abs())
        # For a > 0, the distance from 1 has the distribution of the distance from 0 for −a.
        distance = -torch.log1p(torch.where(a > 0, 1 - value, value) * torch.expm1(-b)) / b
        draw = torch.where(a > 0, 1 - distance, distance)
        return torch.where(is_tiny, value + a / 2 * value * (1 - value), draw).clamp(0, 1)


@register("likelihood", "continuous_bernoulli")
class ContinuousBernoulli(Likelihood):
    r"""Independent values in [0, 1] with density C(a) π^x (1 − π)^(1−x), from logits a of π, with its constant.

    Choose it over ``bernoulli`` for greyscale images: its log-density integrates to one, because the constant
    C(a) = a / tanh(a/2) is kept (C(0) = 2). Its mean, 1/(1 − e^(−a)) − 1/a, is not π.

    Source:
        Loaiza-Ganem & Cunningham (2019), The Continuous Bernoulli: Fixing a Pervasive Error in Variational
        Autoencoders. https://arxiv.org/abs/1907.06845

    Example:
        >>> p = ContinuousBernoulli(data_shape=(1, 8, 8))(torch.zeros(5, 1, 8, 8))
        >>> p.log_prob(torch.rand(5, 1, 8, 8))
        tensor([0., 0., 0., 0., 0.])
    """

    support = Support(0.0, 1.0)

    def __init__(self, *, data_shape: tuple[int, ...]) -> None:
        super().__init__(data_shape)

    def forward(self, raw: Tensor) -> Independent:
        """Map logits (*batch, *data_shape) to distributions with event shape ``data_shape``."""
        values = ContinuousBernoulliDistribution(at_least_float32(raw))
        return Independent(values, len(self.data_shape), validate_args=False)
