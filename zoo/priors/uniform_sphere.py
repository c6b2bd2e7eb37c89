"""The prior of latents that are directions."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from zoo.nn.spaces.manifolds import Manifold
from zoo.nn.spaces.sphere import UniformSphere
from zoo.priors import Prior
from zoo.registry import register
from zoo.utils.precision import at_least_float32


@register("prior", "uniform_sphere")
class UniformSpherePrior(Prior):
    """The uniform distribution on the unit sphere in ``latent_dim`` dimensions.

    Choose it with the posteriors ``von_mises_fisher`` and ``power_spherical``; their KL divergence from it has a closed
    form.

    Source:
        Davidson et al. (2018), Hyperspherical Variational Auto-Encoders, section 3. https://arxiv.org/abs/1804.00891

    Example:
        >>> torch.allclose(UniformSpherePrior(latent_dim=3)().sample((5,)).norm(dim=-1), torch.ones(5))
        True
    """

    manifold: ClassVar[Manifold | None] = "sphere"
    origin: Tensor

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.dimensions = latent_dim
        self.register_buffer("origin", torch.zeros(()), persistent=False)

    def forward(self) -> UniformSphere:
        """Return the distribution, with event shape (latent_dim,)."""
        return UniformSphere(self.dimensions, at_least_float32(self.origin))
