"""The posterior of a plain autoencoder: one code for each x."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from zoo.nn.delta import Delta
from zoo.posteriors import Density, Head, Posterior
from zoo.registry import register


@register("posterior", "point")
class Point(Posterior):
    """One code for each x and no distribution around it: the bottleneck of an autoencoder or a denoiser.

    It has no density, so objectives with a KL term refuse it.

    Source:
        Hinton & Salakhutdinov (2006), Reducing the Dimensionality of Data with Neural Networks.
        https://doi.org/10.1126/science.1127647

    Example:
        >>> import torch
        >>> q = Point(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> bool((q.rsample() == q.mean).all())
        True
    """

    density: ClassVar[Density] = "none"
    has_moments: ClassVar[bool] = True

    def __init__(self, *, features: int, latent_dim: int) -> None:
        super().__init__()
        self.head = Head(features, latent_dim)

    def forward(self, h: Tensor) -> Delta:
        """Map features (B, F) to points with batch shape (B,) and event shape (latent_dim,)."""
        return Delta(self.head(h))
