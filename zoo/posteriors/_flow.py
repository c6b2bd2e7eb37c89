"""Parts that flow posteriors share: the layer that returns their parameters, and a map to numbers above −1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Independent, Normal
from torch.nn import functional as F

from zoo.posteriors import Head, positive

SLOPE_FLOOR = 1e-3
"""The smallest slope of a map: with a slope of 0 it could not be inverted."""


def base_gaussian(mean: Tensor, raw_scale: Tensor, floor: float) -> Independent:
    """Return N(mean, diag(σ²)) with σ = softplus(raw_scale) + floor, the base distribution of a flow."""
    return Independent(Normal(mean, positive(raw_scale, floor), validate_args=False), 1, validate_args=False)


class FlowHead(Head):
    """The layer of a flow posterior: it maps features to a diagonal Gaussian and the parameters of the flow's maps.

    Args:
        sizes: the size of each parameter of a map.
        steps: number of maps.
        floor: the smallest σ of the Gaussian.
    """

    def __init__(self, features: int, latent_dim: int, sizes: Sequence[int], steps: int, floor: float) -> None:
        self.sizes = [latent_dim, latent_dim, *[*sizes] * steps]
        super().__init__(features, sum(self.sizes))
        self.of_a_map, self.floor = len(sizes), floor

    def begin(self, h: Tensor) -> tuple[Independent, list[tuple[Tensor, ...]]]:
        """Map features (B, F) to the Gaussian and the parameters of each map, (B, …) each."""
        mean, raw_scale, *rest = self(h).split(self.sizes, dim=-1)
        maps = [tuple(rest[start : start + self.of_a_map]) for start in range(0, len(rest), self.of_a_map)]
        return base_gaussian(mean, raw_scale, self.floor), maps


def above_minus_one(raw: Tensor) -> Tensor:
    """Map real numbers to numbers above −1 by at least the floor; the map is increasing, and maps 0 to 0."""
    shift = math.log(math.expm1(1 - SLOPE_FLOOR))
    return F.softplus(raw + shift) + SLOPE_FLOOR - 1
