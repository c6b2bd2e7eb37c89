"""A correlated posterior with few parameters in many dimensions."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

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
from zoo.posteriors._triangular import triangular_factor, unpack_triangles
from zoo.registry import register
from zoo.utils.precision import full_precision


@register("posterior", "factor_gaussian")
class FactorGaussian(Posterior):
    r"""Correlated Gaussian posterior whose correlations are mixtures of matrices that all examples share.

    q(z|x) = N(μ, L Lᵀ) with L = diag(s) (I + S): s = softplus(raw) + floor scales the rows of a unit triangular matrix,
    and S = (B_0 + Σ_k c_k B_k / √rank) / √d lies below the diagonal. The matrices B_k are learned; the weights c_k are
    linear in the features.

    Choose it over ``full_gaussian`` in many dimensions, where a head for every entry of L is larger than the networks
    (F d² / 2 weights). ``rank`` limits how the correlations can depend on x.

    Args:
        rank: number of matrices B_k; at most the d (d − 1) / 2 entries under the diagonal are used.
        floor: the smallest scale s.

    Source:
        Kingma & Welling (2019), An Introduction to Variational Autoencoders, "Full-covariance Gaussian
        posterior", for L; the shared matrices are this package's. https://arxiv.org/abs/1906.02691

    Example:
        >>> q = FactorGaussian(features=8, latent_dim=5, rank=2)(torch.zeros(3, 8))
        >>> q.rsample().shape, q.entropy().shape
        (torch.Size([3, 5]), torch.Size([3]))
    """

    _below: Tensor

    has_moments: ClassVar[bool] = True

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        rank: PositiveInt = 16,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        entries = latent_dim * (latent_dim - 1) // 2
        rank = max(1, min(rank, entries))
        self.latent_dim, self.floor = latent_dim, floor
        self.sizes = [latent_dim, latent_dim, rank]
        self.head = Head(features, sum(self.sizes))
        # Training begins with the diagonal posterior. Random correlations would add noise to every latent, and models
        # with many latents never recover from it.
        self.triangles = nn.Parameter(torch.zeros(1 + rank, entries))
        rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        self.register_buffer("_below", rows * latent_dim + columns, persistent=False)

    def forward(self, h: Tensor) -> MultivariateNormal:
        """Map features (B, F) to Gaussians with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_scale, weights = self.head(h).split(self.sizes, dim=-1)
        return SharedFactorNormal(
            mean,
            positive(raw_scale, self.floor),
            F.pad(weights / math.sqrt(self.sizes[-1]), (1, 0), value=1.0),
            unpack_triangles(self.triangles, self._below, self.latent_dim),
        )


class SharedFactorNormal(MultivariateNormal):
    r"""N(μ, L Lᵀ) with L = diag(s) (I + Σ_k c_k B_k), whose strictly lower triangular B_k a batch shares.

    A single draw and the KL divergence to independent Gaussians need no matrix for each example: Σ_k c_k (B_k ε) is one
    matrix product for the batch, and the squared norm of row i of Σ_k c_k B_k is cᵀ G_i c, where G_i has the products
    of the i-th rows of the B_k. Other methods form L.

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
        # torch's class and its KL divergences use L under this name. The tensor is kept with its gradient, even if the
        # first caller needs none.
        with full_precision(self.loc):
            return triangular_factor(self.scale, torch.tensordot(self.weights, self.triangles, dims=1))

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
            # For many draws, L is cheaper than all B_k.
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
