"""A posterior whose latents may be correlated given x."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.nn import functional as F

from zoo.posteriors import Head, Posterior, positive
from zoo.registry import register


@register("posterior", "full_gaussian")
class FullGaussian(Posterior):
    r"""Correlated Gaussian posterior, q(z|x) = N(μ, L Lᵀ), with L lower triangular.

    Choose it over ``diagonal_gaussian`` when latents stay correlated given x; its head has F (d² + 3d) / 2
    weights instead of 2 F d. L_ii = softplus(raw) + floor; the entries below the diagonal are free.

    Source:
        Kingma & Welling (2019), An Introduction to Variational Autoencoders, "Full-covariance Gaussian
        posterior". https://arxiv.org/abs/1906.02691

    Example:
        >>> q = FullGaussian(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> q.rsample().shape, q.entropy().shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    _entries: Tensor

    def __init__(self, *, features: int, latent_dim: int, floor: Annotated[float, Field(gt=0)] = 1e-4) -> None:
        super().__init__()
        self.latent_dim, self.floor = latent_dim, floor
        below = latent_dim * (latent_dim - 1) // 2
        self.sizes = [latent_dim, latent_dim, below]
        self.head = Head(features, 2 * latent_dim + below)
        # Entry (i, j) of L as a position in [0, diagonal, below]: one gather fills the matrix.
        entries = torch.zeros(latent_dim, latent_dim, dtype=torch.long)
        entries.diagonal().copy_(1 + torch.arange(latent_dim))
        rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        entries[rows, columns] = 1 + latent_dim + torch.arange(below)
        self.register_buffer("_entries", entries.flatten(), persistent=False)

    def forward(self, h: Tensor) -> MultivariateNormal:
        """Map features (B, F) to Gaussians with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_diagonal, below = self.head(h).split(self.sizes, dim=-1)
        values = F.pad(torch.cat([positive(raw_diagonal, self.floor), below], dim=-1), (1, 0))
        lower = values.index_select(-1, self._entries).unflatten(-1, (self.latent_dim, self.latent_dim))
        return MultivariateNormal(mean, scale_tril=lower, validate_args=False)
