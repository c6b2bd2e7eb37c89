"""What posteriors on the sphere have in common."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.spaces.sphere import unit_vector
from zoo.posteriors import Head


class AxisHead(Head):
    """The layer of a posterior on the sphere: from features, the axis μ and the concentration κ.

    κ = (m − 1) softplus(raw) + floor. How narrow a density is depends on κ / (m − 1), so that a layer learns a useful κ
    equally soon in any number of dimensions. (With κ = softplus(raw) + 1, as in the paper, it is reached late: on
    MNIST with m = 11 the ELBO is 8 nats lower after two epochs.)

    Args:
        floor: the smallest κ.

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
        direction, raw = outputs[:, :-1], outputs[:, -1]
        return unit_vector(direction), (direction.shape[-1] - 1) * F.softplus(raw) + self.floor
