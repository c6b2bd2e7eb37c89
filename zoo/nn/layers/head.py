"""The layer that returns the parameters of a distribution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.utils.precision import at_least_float32, full_precision


class Head(nn.Linear):
    """A linear layer that computes in float32 or better, because the 8 bits of bf16 are too few for a variance."""

    def forward(self, h: Tensor) -> Tensor:
        """Map features (B, F) to outputs (B, O)."""
        with full_precision(h):
            return F.linear(at_least_float32(h), at_least_float32(self.weight), at_least_float32(self.bias))


def positive(raw: Tensor, floor: float) -> Tensor:
    """Map any real number to a scale of at least ``floor``: softplus, whose value and gradient are finite for ±1e4."""
    return F.softplus(raw) + floor
