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
        self._made: tuple[Tensor, StandardNormal] | None = None

    def forward(self) -> StandardNormal:
        """Return N(0, I) with event shape ``latent_shape``."""
        mean = self.mean
        if torch.compiler.is_compiling():  # a graph must not change the module
            return self._distribution(mean)
        # Kept until the buffers move: to build a distribution takes as long as several operations on a small batch.
        if self._made is None or self._made[0] is not mean:
            self._made = mean, self._distribution(mean)
        return self._made[1]

    def _distribution(self, mean: Tensor) -> StandardNormal:
        return StandardNormal(Normal(mean, self.scale, validate_args=False), mean.ndim, validate_args=False)
