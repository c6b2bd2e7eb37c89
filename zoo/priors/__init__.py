"""Priors: p(z), the distribution that codes are compared with and that samples begin with."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn
from torch.distributions import Distribution


class Prior(nn.Module, ABC):
    """A distribution over z with batch shape () and event shape (d,); it may have parameters that are learned."""

    @abstractmethod
    def forward(self) -> Distribution:
        """Return p(z)."""
