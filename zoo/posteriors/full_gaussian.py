"""A posterior whose latents may be correlated given x."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from zoo.posteriors import Head, Posterior, positive
from zoo.posteriors._triangular import triangular_factor, unpack_triangles
from zoo.registry import register


@register("posterior", "full_gaussian")
class FullGaussian(Posterior):
    r"""Gaussian posterior with any covariance, q(z|x) = N(μ, L Lᵀ): the encoder predicts every entry of L.

    Choose it over ``diagonal_gaussian`` if latents are correlated given x. L = diag(s) (I + S / √d), where s =
    softplus(raw) + floor scales the rows of a unit triangular matrix, so a latent with a small scale is certain
    independently of its correlations. The head has d + d (d + 1) / 2 outputs; in many dimensions ``factor_gaussian``
    has fewer. Training begins with the diagonal posterior, S = 0.

    Args:
        floor: the smallest scale s.

    Source:
        Kingma & Welling (2019), An Introduction to Variational Autoencoders, "Full-covariance Gaussian
        posterior". https://arxiv.org/abs/1906.02691

    Example:
        >>> q = FullGaussian(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> q.rsample().shape, q.entropy().shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    has_moments: ClassVar[bool] = True
    _below: Tensor

    def __init__(self, *, features: int, latent_dim: int, floor: Annotated[float, Field(gt=0)] = 1e-4) -> None:
        super().__init__()
        self.latent_dim, self.floor = latent_dim, floor
        self.sizes = [latent_dim, latent_dim, latent_dim * (latent_dim - 1) // 2]
        self.head = Head(features, sum(self.sizes))
        nn.init.zeros_(self.head.weight[2 * latent_dim :])
        nn.init.zeros_(self.head.bias[2 * latent_dim :])
        rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        self.register_buffer("_below", rows * latent_dim + columns, persistent=False)

    def forward(self, h: Tensor) -> MultivariateNormal:
        """Map features (B, F) to Gaussians with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_scale, entries = self.head(h).split(self.sizes, dim=-1)
        below = unpack_triangles(entries, self._below, self.latent_dim)
        factor = triangular_factor(positive(raw_scale, self.floor), below)
        return MultivariateNormal(mean, scale_tril=factor, validate_args=False)
