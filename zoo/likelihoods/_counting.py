"""Parts that likelihoods of counts share: rates, the library size, and accurate log-probabilities."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.nn import functional as F

from zoo.likelihoods import Likelihood, Support, masked_sum, observed
from zoo.likelihoods._parameters import Shape, blocks, inverse_softplus, log_softplus, times_channels
from zoo.utils.precision import at_least_float32

Library = Literal["none", "observed"]
"""``none``: the decoder returns the rates. ``observed``: it returns shares of an example's total."""

_OFFSET = inverse_softplus(1.0)
_SMALLEST_TOTAL = 1e-8
_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class CountLikelihood(Likelihood):
    """A likelihood of counts, from a rate for each value.

    Args:
        size: the mean count of a value for a raw parameter of 0.
        library: source of the total of an example.
    """

    support = Support(low=0.0, step=1.0)
    discrete = True

    def __init__(self, data_shape: tuple[int, ...], size: float, library: Library) -> None:
        super().__init__(data_shape)
        self.size, self.library = size, library

    @property
    def extra(self) -> int:
        """The number of additional raw parameters for each value."""
        return 0

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with more channels if the decoder returns more than the rate."""
        return times_channels(self.data_shape, 1 + self.extra)

    @abstractmethod
    def counts(self, log_rate: Tensor, others: tuple[Tensor, ...]) -> Distribution:
        """Return the distribution of single counts, from the logarithm of their rates and additional raw parameters."""

    def forward(self, raw: Tensor) -> Distribution:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        dims = len(self.data_shape)
        rate, *others = blocks(at_least_float32(raw), 1 + self.extra, dims).unbind(-dims - 1)
        if self.library == "observed":
            return CountsGivenTotal(self, rate, tuple(others))
        log_rate = log_softplus(rate + _OFFSET) + math.log(self.size)
        return Independent(self.counts(log_rate, tuple(others)), dims, validate_args=False)

    def log_prob(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log p(x|z) in nats, of the observed values only where there is a mask."""
        if isinstance(p, CountsGivenTotal):
            return p.log_prob(x, mask)
        return super().log_prob(p, x, mask)


class CountsGivenTotal(Distribution):
    """Counts whose rates are shares of an example's total: log p(x|z, l), with l = Σ x taken from x itself.

    Draws and means, which have no x, use l = ``size`` for each value. For masked data, l is the total of the observed
    values, and the shares are relative to the observed values.
    """

    has_rsample = False

    def __init__(self, likelihood: CountLikelihood, logits: Tensor, others: tuple[Tensor, ...]) -> None:
        self.likelihood, self.logits, self.others = likelihood, logits, others
        dims = len(likelihood.data_shape)
        super().__init__(logits.shape[:-dims], logits.shape[-dims:], validate_args=False)

    def given(self, total: Tensor, mask: Tensor | None = None) -> Distribution:
        """Return the distribution of single counts for totals that broadcast to the batch shape."""
        dims = len(self.event_shape)
        logits = self.logits if mask is None else torch.where(mask, self.logits, -torch.inf)
        log_shares = logits.flatten(-dims).log_softmax(-1).reshape(logits.shape)
        if mask is not None:
            log_shares = torch.where(mask, log_shares, 0.0)
        log_total = total.clamp(min=_SMALLEST_TOTAL).log()[(...,) + (None,) * dims]
        return self.likelihood.counts(log_total + log_shares, self.others)

    def log_prob(self, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the log-probability of each example given its total, in nats."""
        dims = len(self.event_shape)
        value = value if mask is None else observed(value, mask)
        total = value.flatten(-dims).sum(-1)
        if mask is not None:
            # An example without observed values has no shares; its values are ignored.
            mask, kept = mask | ~mask.flatten(-dims).any(-1)[(...,) + (None,) * dims], mask
            return masked_sum(self.given(total, mask).log_prob(value), kept, dims)
        return masked_sum(self.given(total).log_prob(value), None, dims)

    @property
    def _reference(self) -> Distribution:
        total = self.likelihood.size * math.prod(self.event_shape)
        return self.given(torch.full_like(self.logits[(...,) + (0,) * len(self.event_shape)], total))

    @property
    def mean(self) -> Tensor:
        """The mean for an example whose total is ``size`` times the number of its values."""
        return self._reference.mean

    @property
    def variance(self) -> Tensor:
        """The variance for an example whose total is ``size`` times the number of its values."""
        return self._reference.variance

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw examples whose expected total is ``size`` times the number of their values."""
        return self._reference.sample(torch.Size(sample_shape))


def stirling_error(n: Tensor) -> Tensor:
    """Return δ(n) = log Γ(n+1) − (n + ½) log n + n − ½ log 2π for n > 0, which falls like 1/(12 n).

    Source:
        Loader (2002), Fast and Accurate Computation of Binomial Probabilities.
        https://www.r-project.org/doc/reports/CLoader-dbinom-2002.pdf

    Example:
        >>> stirling_error(torch.tensor([1.0, 1000.0]))
        tensor([8.1061e-02, 8.3333e-05])
    """
    large, small = n.clamp(min=10), n.clamp(max=10)
    inverse = 1 / large
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    exact = (small + 1).lgamma() - (small + 0.5) * small.log() + small - _HALF_LOG_2_PI
    return torch.where(n > 10, series, exact)


def deviance(t: Tensor, log1p_t: Tensor) -> Tensor:
    """Return t − log(1 + t) ≥ 0, with log(1 + t) as it is known otherwise where t is near −1.

    Example:
        >>> deviance(torch.tensor([0.0, -1.0]), torch.tensor([0.0, -50.0]))
        tensor([ 0., 49.])
    """
    return t - torch.where(t < -0.5, log1p_t, t.clamp(min=-0.5).log1p())


def poisson_log_prob(x: Tensor, log_rate: Tensor) -> Tensor:
    """Return log Poisson(x; μ) by the saddle-point form, which is accurate for large counts.

    For x ≥ 1 it is −½ log(2πx) − δ(x) − x (t − log(1 + t)) with t = (μ − x)/x: no two large numbers cancel.

    Source:
        Loader (2002), Fast and Accurate Computation of Binomial Probabilities.
        https://www.r-project.org/doc/reports/CLoader-dbinom-2002.pdf

    Example:
        >>> poisson_log_prob(torch.tensor([0.0, 2.0]), torch.tensor(0.0))
        tensor([-1.0000, -1.6931])
    """
    rate, count = log_rate.exp(), x.clamp(min=1)
    t = (rate - count) / count
    some = -_HALF_LOG_2_PI - 0.5 * count.log() - stirling_error(count) - count * deviance(t, log_rate - count.log())
    return torch.where(x < 0.5, -rate, some)


def negative_binomial_log_prob(x: Tensor, log_rate: Tensor, concentration: Tensor) -> Tensor:
    """Return log NB(x; μ, θ), variance μ + μ²/θ, by the saddle-point form; for θ → ∞ it becomes the Poisson's.

    Source:
        Loader (2002), Fast and Accurate Computation of Binomial Probabilities.
        https://www.r-project.org/doc/reports/CLoader-dbinom-2002.pdf

    Example:
        >>> negative_binomial_log_prob(torch.tensor(1.0), torch.tensor(0.0), torch.tensor(1.0)).exp()
        tensor(0.2500)
    """
    rate, theta, count = log_rate.exp(), concentration, x.clamp(min=1)
    # log(θ + μ), without overflow of μ.
    log_sum = torch.logaddexp(theta.log(), log_rate)
    total = theta + count
    of_theta = (count - rate) / (theta + rate)
    of_count = (theta / count) * ((rate - count) / (theta + rate))
    some = (
        theta.log()
        - total.log()
        + 0.5 * (total.log() - theta.log() - count.log())
        - _HALF_LOG_2_PI
        + (stirling_error(total) - stirling_error(theta) - stirling_error(count))
        - theta * deviance(of_theta, total.log() - log_sum)
        - count * deviance(of_count, total.log() + log_rate - log_sum - count.log())
    )
    return torch.where(x < 0.5, -theta * F.softplus(log_rate - theta.log()), some)
