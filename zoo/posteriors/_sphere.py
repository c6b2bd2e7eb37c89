"""What posteriors on the sphere have in common."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.sphere import unit_vector
from zoo.posteriors import Head


class AxisHead(Head):
    """The layer of a posterior on the sphere: from features, the axis μ and the concentration κ.

    Args:
        floor: the smallest κ = softplus(raw) + floor.

    Raises:
        ComponentError: there is one dimension only.
    """

    def __init__(self, features: int, latent_dim: int, floor: float) -> None:
        if latent_dim < 2:
            raise ComponentError(
                f"a sphere needs at least 2 dimensions around it, got `latent_dim: {latent_dim}`",
                remedy="Set `latent_dim` to one more than the dimension of the sphere.",
            )
        super().__init__(features, latent_dim + 1)
        self.floor = floor

    def axis_and_concentration(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Map features (B, F) to μ (B, latent_dim), of length 1, and κ (B,)."""
        outputs = self(h)
        return unit_vector(outputs[:, :-1]), F.softplus(outputs[:, -1]) + self.floor
