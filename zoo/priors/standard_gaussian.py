"""The prior of the standard VAE."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal

from zoo.divergences import StandardNormal
from zoo.priors import Prior
from zoo.registry import register


@register("prior", "standard_gaussian")
class StandardGaussian(Prior):
    """p(z) = N(0, I), for latents of any shape: no parameters, and the cheapest KL divergence.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, section 3. https://arxiv.org/abs/1312.6114

    Example:
        >>> StandardGaussian(latent_shape=(3,))().sample().shape
        torch.Size([3])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, *, latent_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_shape), persistent=False)
        self.register_buffer("scale", torch.ones(latent_shape), persistent=False)

    def forward(self) -> StandardNormal:
        """Return N(0, I) with event shape ``latent_shape``."""
        normal = Normal(self.mean, self.scale, validate_args=False)
        return StandardNormal(normal, self.mean.ndim, validate_args=False)
