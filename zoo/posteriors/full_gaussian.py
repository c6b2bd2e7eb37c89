"""A posterior whose latents may be correlated given x."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions.kl import register_kl
from torch.nn import functional as F

from zoo.posteriors import Head, Posterior, positive
from zoo.registry import register


@register("posterior", "full_gaussian")
class FullGaussian(Posterior):
    r"""Correlated Gaussian posterior, q(z|x) = N(μ, L Lᵀ), with L lower triangular.

    Choose it over ``diagonal_gaussian`` when latents stay correlated given x. L_ii = softplus(raw) + floor, and below
    the diagonal L = B_0 + Σ_k c_k B_k: the B are learned and the same for all x, the weights c_k are linear in the
    features. Any L can be reached; ``rank`` bounds how many ways there are for x to change its correlations.

    Args:
        rank: how many matrices B_k there are. Up to d (d − 1) / 2 entries below the diagonal, and where it is null,
            every entry is linear in the features instead: F d² / 2 weights, which soon outweigh the networks.
        floor: the smallest entry on the diagonal of L.

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
        mean, raw_diagonal, rest = self.head(h).split(self.sizes, dim=-1)
        diagonal = positive(raw_diagonal, self.floor)
        if self.triangles is not None:
            return SharedFactorNormal(mean, diagonal, F.pad(rest, (1, 0), value=1.0), self._unpack(self.triangles))
        lower = torch.diagonal_scatter(self._unpack(rest), diagonal, dim1=-2, dim2=-1)
        return MultivariateNormal(mean, scale_tril=lower, validate_args=False)

    def _unpack(self, entries: Tensor) -> Tensor:
        """Put entries (N, d (d − 1) / 2) below the diagonals of zero matrices (N, d, d)."""
        square = entries.new_zeros(len(entries), self.latent_dim**2)
        return square.index_copy(-1, self._below, entries).unflatten(-1, (self.latent_dim, self.latent_dim))


class SharedFactorNormal(MultivariateNormal):
    r"""N(μ, L Lᵀ) with L = diag(s) + Σ_k c_k B_k, whose strictly lower triangular B_k a batch shares.

    One draw and the KL divergence to independent Gaussians need no matrix of each example: L ε = s ε + Σ_k c_k (B_k ε)
    is one product of matrices for the batch, and ‖Σ_k c_k B_k‖² = cᵀ G c with G_kl = ⟨B_k, B_l⟩. All else forms L.

    Args:
        mean: μ, (B, d).
        diagonal: s > 0, (B, d).
        weights: c, (B, r).
        triangles: B_k, (r, d, d), zero on and above the diagonals.
    """

    def __init__(self, mean: Tensor, diagonal: Tensor, weights: Tensor, triangles: Tensor) -> None:
        self.loc, self.diagonal, self.weights, self.triangles = mean, diagonal, weights, triangles
        Distribution.__init__(self, mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @cached_property
    def _unbroadcasted_scale_tril(self) -> Tensor:  # type: ignore[override]
        # The name by which torch's class, and its KL divergences, know L.
        below = torch.tensordot(self.weights, self.triangles, dims=1)
        return torch.diagonal_scatter(below, self.diagonal, dim1=-2, dim2=-1)

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
        return self.loc + self.diagonal * noise + (self.weights.unsqueeze(-2) @ moved).squeeze(-2)


@register_kl(SharedFactorNormal, Independent)
def _kl_shared_diagonal(q: SharedFactorNormal, p: Independent) -> Tensor:
    if not isinstance(p.base_dist, Normal) or p.reinterpreted_batch_ndims != 1 or p.batch_shape:
        raise NotImplementedError
    scale: Tensor = p.base_dist.stddev
    flat = (q.triangles / scale.unsqueeze(-1)).flatten(1)
    below = ((q.weights @ (flat @ flat.mT)) * q.weights).sum(-1)
    ratio = q.diagonal / scale
    rest = ratio.square() + ((q.loc - p.mean) / scale).square() - 1 - 2 * ratio.log()
    return 0.5 * (below + rest.sum(-1))
