"""Posteriors: features become q(z|x), a distribution over the latent space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from zoo.utils.precision import at_least_float32, full_precision


class Posterior(nn.Module, ABC):
    """The head that turns features (B, F) into distributions with batch shape (B,) and event shape (d,).

    Attributes:
        has_density: whether q(z|x) has a log-density; a point has none, and no KL divergence either.
    """

    has_density: ClassVar[bool] = True

    @abstractmethod
    def forward(self, h: Tensor) -> Distribution:
        """Map features (B, F) to q(z|x)."""


class Head(nn.Linear):
    """A linear layer that computes in float32 or better, because a variance cannot live with bf16's 8 bits."""

    def forward(self, h: Tensor) -> Tensor:
        with full_precision(h):
            return F.linear(at_least_float32(h), at_least_float32(self.weight), at_least_float32(self.bias))


def positive(raw: Tensor, floor: float) -> Tensor:
    """Map any real number to a scale of at least ``floor``: softplus, finite and with a gradient for ±1e4."""
    return F.softplus(raw) + floor


def posterior_mean(q: Distribution, num_samples: int = 64) -> Tensor:
    """Return E_q[z], (B, d): exact where the distribution knows its mean, else the average of draws (estimate)."""
    try:
        return q.mean
    except NotImplementedError:
        return q.sample(torch.Size([num_samples])).mean(0)
