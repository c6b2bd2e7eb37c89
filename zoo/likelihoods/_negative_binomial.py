"""Negative binomial counts, with and without extra zeros."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F

from zoo.likelihoods._counting import negative_binomial_log_prob
from zoo.likelihoods._parameters import Shape


class NegativeBinomialCounts(Distribution):
    """Counts with mean μ and variance μ + μ²/θ, accurate for large counts and large θ.

    Args:
        log_rate: log μ.
        concentration: θ; broadcasts to the shape of ``log_rate``.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "log_rate": constraints.real,
        "concentration": constraints.positive,
    }
    support = constraints.nonnegative_integer

    def __init__(self, log_rate: Tensor, concentration: Tensor) -> None:
        self.log_rate, self.concentration = log_rate, concentration.expand(log_rate.shape)
        super().__init__(log_rate.shape, validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> NegativeBinomialCounts:
        """Return the same distributions with a larger batch shape."""
        return NegativeBinomialCounts(self.log_rate.expand(batch_shape), self.concentration.expand(batch_shape))

    @property
    def mean(self) -> Tensor:
        """The rate μ."""
        return self.log_rate.exp()

    @property
    def variance(self) -> Tensor:
        """μ + μ²/θ."""
        return self.mean + self.mean.square() / self.concentration

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of each count, in nats."""
        return negative_binomial_log_prob(value, self.log_rate, self.concentration)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw counts: Poisson with a rate that is gamma distributed."""
        concentration = self.concentration.expand(self._extended_shape(sample_shape))
        return torch.poisson(torch.distributions.Gamma(concentration, concentration).sample() * self.mean)


class ZeroInflatedCounts(Distribution):
    """Zero with probability π, otherwise a count from another distribution.

    Args:
        counts: the other distribution.
        logits: of π; broadcasts to the batch shape of ``counts``.
    """

    support = constraints.nonnegative_integer

    def __init__(self, counts: Distribution, logits: Tensor) -> None:
        self.counts, self.logits = counts, logits.expand(counts.batch_shape)
        super().__init__(counts.batch_shape, validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> ZeroInflatedCounts:
        """Return the same distributions with a larger batch shape."""
        return ZeroInflatedCounts(self.counts.expand(batch_shape), self.logits.expand(batch_shape))

    @property
    def mean(self) -> Tensor:
        """(1 − π) times the mean of the counts."""
        return torch.sigmoid(-self.logits) * self.counts.mean

    @property
    def variance(self) -> Tensor:
        """(1 − π)(variance + π mean²) of the counts."""
        zero = torch.sigmoid(self.logits)
        return torch.sigmoid(-self.logits) * (self.counts.variance + zero * self.counts.mean.square())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log(π + (1 − π) p(0)) for zeros, and log(1 − π) + log p(x) for other counts, in nats."""
        others = F.logsigmoid(-self.logits) + self.counts.log_prob(value)
        return torch.where(value < 0.5, torch.logaddexp(F.logsigmoid(self.logits), others), others)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw counts."""
        counts = self.counts.sample(torch.Size(sample_shape))
        return torch.where(torch.rand_like(counts) < torch.sigmoid(self.logits), 0.0, counts)
