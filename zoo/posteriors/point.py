"""The posterior of a plain autoencoder: one code for each x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from zoo.nn.delta import Delta
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.activations import activation as make_activation
from zoo.posteriors import Density, Head, Posterior
from zoo.registry import register

_BOUNDS: Mapping[str, tuple[float, float]] = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


@register("posterior", "point")
class Point(Posterior):
    """One code for each x and no distribution around it: the bottleneck of an autoencoder or a denoiser.

    It has no density, so objectives with a KL term refuse it.

    Args:
        activation: applied to the linear map of the features. ``relu`` gives sparse codes with the regulariser ``l1``,
            and ``sigmoid`` gives codes between 0 and 1, which ``kl_sparsity`` needs.

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

    def __init__(
        self, *, features: int, latent_dim: int, activation: ActivationName | Literal["none"] = "none"
    ) -> None:
        super().__init__()
        self.head = Head(features, latent_dim)
        self.activation = None if activation == "none" else make_activation(activation)
        self.sparse = activation == "relu"
        self.bounds = _BOUNDS.get(activation)

    def forward(self, h: Tensor) -> Delta:
        """Map features (B, F) to points with batch shape (B,) and event shape (latent_dim,)."""
        z = self.head(h)
        return Delta(z if self.activation is None else self.activation(z))
