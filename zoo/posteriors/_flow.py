"""What flow posteriors have in common: a diagonal Gaussian, and numbers that stay above −1."""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Independent, Normal
from torch.nn import functional as F

from zoo.posteriors import positive

SLOPE_FLOOR = 1e-3
"""How far the slope of a map stays from 0, where it could not be inverted."""


def base_gaussian(mean: Tensor, raw_scale: Tensor, floor: float) -> Independent:
    """Return N(mean, diag(σ²)) with σ = softplus(raw_scale) + floor, which a flow begins with."""
    return Independent(Normal(mean, positive(raw_scale, floor), validate_args=False), 1, validate_args=False)


def above_minus_one(raw: Tensor) -> Tensor:
    """Map any real number to one above −1 by at least the floor, increasing, and 0 to 0."""
    shift = math.log(math.expm1(1 - SLOPE_FLOOR))
    return F.softplus(raw + shift) + SLOPE_FLOOR - 1
