"""The posterior of an autoencoder whose code is a map."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from zoo.nn.convolution.map_head import MapHead
from zoo.nn.delta import Delta
from zoo.posteriors import Density, Posterior
from zoo.registry import register


@register("posterior", "point_map")
class PointMap(Posterior):
    """One map z of shape (latent_dim, h, w) for each x: the bottleneck of a convolutional autoencoder.

    Choose it over ``point`` if the code should keep positions in the image. It has no density, so objectives with a
    KL term refuse it.

    Shapes:
        features (B, C, h, w) → batch shape (B,), event shape (latent_dim, h, w).

    Raises:
        ComponentError: the encoder returns vectors.

    Source:
        Hinton & Salakhutdinov (2006), Reducing the Dimensionality of Data with Neural Networks.
        https://doi.org/10.1126/science.1127647

    Example:
        >>> import torch
        >>> PointMap(feature_shape=(8, 4, 4), latent_dim=3)(torch.zeros(5, 8, 4, 4)).mean.shape
        torch.Size([5, 3, 4, 4])
    """

    density: ClassVar[Density] = "none"
    has_moments: ClassVar[bool] = True

    def __init__(self, *, feature_shape: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        self.head = MapHead(feature_shape, latent_dim)
        self.latent_shape = (latent_dim, *feature_shape[1:])

    def forward(self, h: Tensor) -> Delta:
        """Map features (B, C, h, w) to points with batch shape (B,) and event shape (latent_dim, h, w)."""
        return Delta(self.head(h), 3)
