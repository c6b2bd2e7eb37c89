"""A posterior whose latents may be correlated given x."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions import kl_divergence as torch_kl_divergence
from torch.distributions.kl import register_kl
from torch.distributions.utils import lazy_property
from torch.nn import functional as F

from zoo.divergences import relative
from zoo.posteriors import Head, Posterior, positive
from zoo.registry import register
from zoo.utils.precision import full_precision


@register("posterior", "full_gaussian")
class FullGaussian(Posterior):
    r"""Correlated Gaussian posterior, q(z|x) = N(μ, L Lᵀ), with L lower triangular.

    Choose it over ``diagonal_gaussian`` when latents stay correlated given x. L = diag(s) (I + S): s = softplus(raw) +
    floor scales the rows of a unit triangular matrix, so that a small scale makes a latent certain whatever it
    correlates with. S = (B_0 + Σ_k c_k B_k / √rank) / √d lies below the diagonal: the B are learned and the same for
    all x, the weights c_k are linear in the features. Any L can be reached; ``rank`` bounds how many ways there are for
    x to change its correlations.

    Args:
        rank: how many matrices B_k there are. Up to d (d − 1) / 2 entries below the diagonal, and where it is null,
            every entry of S is linear in the features instead: F d² / 2 weights, which soon outweigh the networks.
        floor: the smallest scale s.

    Source:
        Kingma & Welling (2019), An Introduction to Variational Autoencoders, "Full-covariance Gaussian
        posterior". https://arxiv.org/abs/1906.02691

    Example:
        >>> q = FullGaussian(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> q.rsample().shape, q.entropy().shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    _below: Tensor

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        rank: PositiveInt | None = 16,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        self.latent_dim, self.floor = latent_dim, floor
        entries = latent_dim * (latent_dim - 1) // 2
        shares = rank is not None and rank < entries
        self.sizes = [latent_dim, latent_dim, rank if shares and rank else entries]
        self.head = Head(features, sum(self.sizes))
        self.triangles: nn.Parameter | None = None
        # Training begins with the diagonal posterior. Correlations at random are noise in every latent, which many
        # latents never recover from.
        if shares and rank:
            self.triangles = nn.Parameter(torch.zeros(1 + rank, entries))
        else:
            nn.init.zeros_(self.head.weight[2 * latent_dim :])
            nn.init.zeros_(self.head.bias[2 * latent_dim :])
        rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        self.register_buffer("_below", rows * latent_dim + columns, persistent=False)

    def forward(self, h: Tensor) -> MultivariateNormal:
        """Map features (B, F) to Gaussians with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_scale, rest = self.head(h).split(self.sizes, dim=-1)
        scale = positive(raw_scale, self.floor)
        if self.triangles is not None:
            return SharedFactorNormal(
                mean, scale, F.pad(rest / math.sqrt(self.sizes[-1]), (1, 0), value=1.0), self._unpack(self.triangles)
            )
        return MultivariateNormal(mean, scale_tril=_factor(scale, self._unpack(rest)), validate_args=False)

    def _unpack(self, entries: Tensor) -> Tensor:
        """Put entries (N, d (d − 1) / 2), divided by √d, below the diagonals of zero matrices (N, d, d)."""
        square = entries.new_zeros(len(entries), self.latent_dim**2)
        square = square.index_copy(-1, self._below, entries / math.sqrt(self.latent_dim))
        return square.unflatten(-1, (self.latent_dim, self.latent_dim))


def _factor(scale: Tensor, below: Tensor) -> Tensor:
    """Return L = diag(s) (I + S), (B, d, d), of s (B, d) and S (B, d, d)."""
    return torch.diagonal_scatter(scale.unsqueeze(-1) * below, scale, dim1=-2, dim2=-1)


class SharedFactorNormal(MultivariateNormal):
    r"""N(μ, L Lᵀ) with L = diag(s) (I + Σ_k c_k B_k), whose strictly lower triangular B_k a batch shares.

    One draw and the KL divergence to independent Gaussians need no matrix of each example: Σ_k c_k (B_k ε) is one
    product of matrices for the batch, and the squared norm of row i of Σ_k c_k B_k is cᵀ G_i c, with the products
    of the i-th rows of the B in G_i. All else forms L.

    Args:
        mean: μ, (B, d).
        scale: s > 0, (B, d).
        weights: c, (B, r).
        triangles: B_k, (r, d, d), zero on and above the diagonals.
    """

    def __init__(self, mean: Tensor, scale: Tensor, weights: Tensor, triangles: Tensor) -> None:
        self.loc, self.scale, self.weights, self.triangles = mean, scale, weights, triangles
        Distribution.__init__(self, mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @lazy_property
    def _unbroadcasted_scale_tril(self) -> Tensor:
        # The name by which torch's class, and its KL divergences, know L. It is kept, with its gradient, even where
        # the first to ask wants none.
        with full_precision(self.loc):
            return _factor(self.scale, torch.tensordot(self.weights, self.triangles, dims=1))

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> MultivariateNormal:
        """Return the same Gaussians with a larger batch shape."""
        whole = MultivariateNormal(self.loc, scale_tril=self._unbroadcasted_scale_tril, validate_args=False)
        return whole.expand(torch.Size(batch_shape), _instance)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, B, d), with gradients to the parameters."""
        shape = self._extended_shape(sample_shape)
        if shape.numel() > self.loc.numel():
            # Of many draws, each costs less with L than with all B_k.
            return super().rsample(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        moved = F.linear(noise, self.triangles.flatten(0, 1)).unflatten(-1, self.triangles.shape[:2])
        return self.loc + self.scale * (noise + (self.weights.unsqueeze(-1) * moved).sum(-2))


@register_kl(SharedFactorNormal, Independent)
def _kl_shared_diagonal(q: SharedFactorNormal, p: Independent) -> Tensor:
    if not isinstance(p.base_dist, Normal) or p.reinterpreted_batch_ndims != 1 or p.batch_shape:
        return torch_kl_divergence(MultivariateNormal(q.loc, scale_tril=q.scale_tril, validate_args=False), p)
    rows = q.triangles.transpose(0, 1)
    products = (rows @ rows.mT).flatten(1)
    pairs = (q.weights.unsqueeze(-1) * q.weights.unsqueeze(-2)).flatten(1)
    spread = torch.addmm(pairs.new_ones(()), pairs, products.T)
    ratio, distance = relative(q.loc, q.scale, p)
    return (0.5 * (ratio * ratio * spread + distance * distance - 1) - ratio.log()).sum(-1)
