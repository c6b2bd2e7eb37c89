"""The likelihood of counts out of a known number, such as grey levels."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.distributions import Beta, Binomial, Distribution, Independent, constraints

from zoo.likelihoods import Likelihood
from zoo.likelihoods._counting import stirling_error
from zoo.likelihoods._levels import Coding, Levels
from zoo.likelihoods._parameters import Mode, PositiveParameter, Shape, blocks, times_channels
from zoo.registry import register
from zoo.utils.precision import at_least_float32

_SMALLEST = 1e-6


class BetaBinomialLevels(Distribution):
    """Values that count successes out of n trials whose probability is Beta(α, β) distributed.

    Args:
        alpha: α > 0.
        beta: β > 0.
        levels: the n + 1 values.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "alpha": constraints.positive,
        "beta": constraints.positive,
    }

    def __init__(self, alpha: Tensor, beta: Tensor, levels: Levels) -> None:
        self.alpha, self.beta, self.levels = alpha, beta, levels
        super().__init__(alpha.shape, validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> BetaBinomialLevels:
        """Return the same distributions with a larger batch shape."""
        return BetaBinomialLevels(self.alpha.expand(batch_shape), self.beta.expand(batch_shape), self.levels)

    @property
    def mean(self) -> Tensor:
        """n α / (α + β), as a value of the data."""
        return self.levels.value((self.levels.count - 1) * self.alpha / (self.alpha + self.beta))

    @property
    def variance(self) -> Tensor:
        """n α β (α + β + n) / ((α + β)² (α + β + 1)), in units of the data."""
        n, total = self.levels.count - 1, self.alpha + self.beta
        counts = n * (self.alpha / total) * (self.beta / total) * (total + n) / (total + 1)
        return counts / n**2 if self.levels.coding == "unit" else counts

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log C(n, x) + log B(x+α, n−x+β) − log B(α, β) for each value, in nats."""
        return beta_binomial_log_prob(self.levels.number(value), self.levels.count - 1, self.alpha, self.beta)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw values of the data."""
        probability = Beta(self.alpha, self.beta).sample(torch.Size(sample_shape))
        return self.levels.value(Binomial(self.levels.count - 1, probability, validate_args=False).sample())


def beta_binomial_log_prob(x: Tensor, n: int, alpha: Tensor, beta: Tensor) -> Tensor:
    """Return log C(n, x) + log B(x + α, n − x + β) − log B(α, β), without the cancellation of large logarithms.

    Each log Γ(a) is (a − ½) log a − a + ½ log 2π + δ(a), and the logarithms are taken together to those of ratios.

    Example:
        >>> beta_binomial_log_prob(torch.arange(3.0), 2, torch.tensor(1.0), torch.tensor(1.0)).exp()
        tensor([0.3333, 0.3333, 0.3333])
    """
    y, total = n - x, alpha + beta
    successes, failures, all_of_it = x + alpha, y + beta, n + total
    ratios = (
        x * (successes / all_of_it).log()
        + y * (failures / all_of_it).log()
        + (alpha - 0.5) * (x / alpha).log1p()
        + (beta - 0.5) * (y / beta).log1p()
        - (total - 0.5) * (n / total).log1p()
    )
    corrections = (
        (stirling_error(successes) - stirling_error(alpha))
        + (stirling_error(failures) - stirling_error(beta))
        - (stirling_error(all_of_it) - stirling_error(total))
    )
    return _log_choose(n, x) + ratios + corrections


def _log_choose(n: int, x: Tensor) -> Tensor:
    some, others = x.clamp(1, max(n - 1, 1)), (n - x).clamp(1, max(n - 1, 1))
    shares = torch.xlogy(some, some / n) + torch.xlogy(others, others / n)
    corrections = stirling_error(torch.full_like(x, float(n))) - stirling_error(some) - stirling_error(others)
    inner = corrections - 0.5 * (2 * math.pi * some * others / n).log() - shares
    return torch.where((x < 0.5) | (x > n - 0.5), 0.0, inner)


@register("likelihood", "beta_binomial")
class BetaBinomial(Likelihood):
    r"""Independent counts out of n, whose probability of success is itself Beta distributed.

    p(x|z) = C(n, x) B(x + α, n − x + β) / B(α, β). The decoder returns a logit of the mean α/(α+β) and the sum α + β
    for each value. Choose it for grey levels (n = 255), ratings, or right answers out of n: the distribution can be
    bell-shaped with any width, increasing or decreasing, or U-shaped. For α = β = 1 it is uniform, for n = 1 Bernoulli,
    for α, β → ∞ binomial.

    Args:
        total: n, the largest count; the data have n + 1 levels.
        values: the values of the levels in the data. ``unit``: 0, 1/n, …, 1, as images scaled to [0, 1]. ``whole``: 0,
            …, n.
        concentration: α + β; the initial value if it is learned.
        concentration_mode: ``fixed``: α + β is ``concentration``. ``shared``: one number, learned. ``per_feature``: one
            for each value of an example, learned. ``per_pixel``: the decoder returns α + β for each value.

    Source:
        Skellam (1948), A Probability Distribution Derived from the Binomial Distribution by Regarding the Probability
        of Success as Variable between the Sets of Trials. https://doi.org/10.1111/j.2517-6161.1948.tb00014.x

    Example:
        >>> p = BetaBinomial(data_shape=(1,), total=3, concentration=2.0)(torch.zeros(1, 2))
        >>> p.log_prob(torch.tensor([[0.0], [1.0]])).exp()
        tensor([0.2500, 0.2500])
    """

    discrete = True

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        total: PositiveInt = 255,
        values: Coding = "unit",
        concentration: Annotated[float, Field(gt=0)] = 2.0,
        concentration_mode: Mode = "per_pixel",
    ) -> None:
        super().__init__(data_shape)
        self.levels = Levels(total + 1, values)
        self.support = self.levels.support
        self.concentration = PositiveParameter(concentration, concentration_mode, self.data_shape, floor=1e-3)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with twice the channels if the decoder also returns the concentration."""
        return times_channels(self.data_shape, 1 + self.concentration.blocks)

    def forward(self, raw: Tensor) -> Independent:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        dims = len(self.data_shape)
        logits, *others = blocks(at_least_float32(raw), 1 + self.concentration.blocks, dims).unbind(-dims - 1)
        total = self.concentration(others[0] if others else logits)
        # Neither may become zero: some counts would then have no probability and no gradient.
        alpha = total * torch.sigmoid(logits) + _SMALLEST
        beta = total * torch.sigmoid(-logits) + _SMALLEST
        return Independent(BetaBinomialLevels(alpha, beta, self.levels), dims, validate_args=False)
