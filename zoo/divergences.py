r"""KL divergences: in closed form where the pair has one, by Monte Carlo for every other pair.

Importing this module registers the pairs that ``torch.distributions.kl`` lacks: a diagonal Gaussian (an
``Independent`` of a ``Normal``) against a ``MultivariateNormal``, and the reverse.

With q = N(μ, L Lᵀ) and p = N(μ*, L* L*ᵀ) in d dimensions,

.. math:: KL = ½ [ ‖L*⁻¹ L‖²_F + ‖L*⁻¹ (μ* − μ)‖² − d ] + Σ_i log L*_ii − Σ_i log L_ii,

by one triangular solve and sums of logarithms: no inverse and no determinant is formed.
"""

from __future__ import annotations

import math
from typing import Literal, TypeGuard

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions import kl_divergence as torch_kl_divergence
from torch.distributions.kl import register_kl

from zoo.errors import ComponentError

KlMethod = Literal["auto", "closed_form", "monte_carlo"]


class StandardNormal(Independent):
    """N(0, I) as a type: a KL divergence to it takes fewer operations than to any other Gaussian.

    Build it like any ``Independent``, from a ``Normal`` of zeros and ones, (d,) or (C, h, w), all of whose dimensions
    are one event. That the values are zeros and ones is not checked.

    Example:
        >>> p = StandardNormal(Normal(torch.zeros(3), torch.ones(3)), 1)
        >>> q = Independent(Normal(torch.ones(5, 3), 1.0), 1)
        >>> kl_divergence(q, p)
        tensor([1.5000, 1.5000, 1.5000, 1.5000, 1.5000])
    """


def kl_divergence(
    q: Distribution, p: Distribution, *, method: KlMethod = "auto", samples: Tensor | None = None, num_samples: int = 1
) -> Tensor:
    """Return KL(q ‖ p) in nats, with the batch shape of ``q``.

    Args:
        method: ``closed_form``, ``monte_carlo``, or ``auto``: the closed form if the pair has one.
        samples: (K, *batch, *event) draws of ``q`` for the Monte Carlo estimate; drawn if not given.
        num_samples: K, how many to draw.

    Raises:
        ComponentError: ``closed_form`` is asked for a pair that has none.

    Example:
        >>> q = Independent(Normal(torch.zeros(5, 2), 1.0), 1)
        >>> kl_divergence(q, q)
        tensor([0., 0., 0., 0., 0.])
    """
    if method != "monte_carlo":
        if is_diagonal(q) and is_diagonal(p) and q.reinterpreted_batch_ndims == p.reinterpreted_batch_ndims:
            # torch would look this pair up twice, which takes longer than the sum and cannot be compiled.
            return _kl_diagonals(q, p)
        try:
            return torch_kl_divergence(q, p)
        except NotImplementedError as error:
            if method == "closed_form":
                raise ComponentError(
                    f"KL({_name(q)} ‖ {_name(p)}) has no closed form here",
                    remedy="Use `kl: auto` or `kl: monte_carlo`, or register the pair with torch.distributions.kl.",
                ) from error
    if samples is None:
        samples = q.rsample(torch.Size([num_samples])) if q.has_rsample else q.sample(torch.Size([num_samples]))
    return (q.log_prob(samples) - p.log_prob(samples)).mean(0)


def _kl_diagonals(q: Independent, p: Independent) -> Tensor:
    divergences = kl_of_dimensions(q, p)
    dimensions = q.reinterpreted_batch_ndims
    return divergences.sum(-1) if dimensions == 1 else divergences.flatten(-dimensions).sum(-1)


def kl_of_dimensions(q: Independent, p: Independent) -> Tensor:
    """Return the KL divergence of each dimension of independent Gaussians, (*batch, *event), in nats."""
    normal = _diagonal(q)
    ratio, distance = relative(normal.loc, normal.scale, p)
    return 0.5 * (ratio * ratio + distance * distance - 1) - ratio.log()


def relative(mean: Tensor, scale: Tensor, p: Independent) -> tuple[Tensor, Tensor]:
    """Return σ / σ* and (μ − μ*) / σ*, with the mean and the scale of the independent Gaussians ``p``."""
    other = _diagonal(p)
    event_shape = mean.shape[mean.ndim - other.loc.ndim :]
    if isinstance(p, StandardNormal) and other.loc.shape == event_shape and other.loc.dtype == mean.dtype:
        return scale, mean
    return scale / other.scale, (mean - other.loc) / other.scale


def is_diagonal(distribution: Distribution) -> TypeGuard[Independent]:
    """Say whether a distribution is one of independent Gaussians."""
    return (
        (type(distribution) is Independent or type(distribution) is StandardNormal)
        and type(distribution.base_dist) is Normal
        and distribution.reinterpreted_batch_ndims > 0
    )


def log_prob_of_pairs(q: Distribution, z: Tensor) -> Tensor:
    """Return log q_n(z_b) of every point under every distribution of a batch.

    For diagonal Gaussians it is a quadratic form, by two matrix products in float64, in place of passes over all pairs
    and latents. On a device without float64 (MPS) they are passes too.

    Args:
        q: N distributions.
        z: (B, *event_shape) points.

    Returns:
        (B, N) nats.

    Example:
        >>> q = Independent(Normal(torch.tensor([[0.0, 0.0], [9.0, 9.0]]), 1.0), 1)
        >>> log_prob_of_pairs(q, torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """
    if not is_diagonal(q) or z.device.type == "mps":
        return q.log_prob(z.unsqueeze(1))
    normal: Normal = q.base_dist
    points, mean, scale = (each.flatten(1).double() for each in (z, normal.loc, normal.scale))
    precision = scale.square().reciprocal()
    weighted = precision * mean
    squares = points.square() @ precision.T - 2 * points @ weighted.T + (weighted * mean).sum(-1)
    log_normalisers = scale.log().sum(-1) + 0.5 * math.log(2 * math.pi) * points.shape[1]
    return (-0.5 * squares - log_normalisers).to(normal.loc.dtype)


def aggregate_log_densities(q: Independent, z: Tensor, log_weights: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return the log-densities of points under a mixture of posteriors q(z|x_j), and of each of their latents.

    With weights of 1/N over N posteriors it is the aggregate posterior q(z) = (1/N) Σ_n q(z|x_n), whose marginals are
    mixtures as well.

    Args:
        q: N posteriors, each a product over d latents.
        z: (B, *event_shape) points.
        log_weights: (B, N) log-weights of the posteriors for each point, or one number for all.

    Returns:
        log q(z), (B,), and log q(z_l), (B, d), in nats.

    Example:
        >>> import math
        >>> q = Independent(Normal(torch.tensor([[0.0, 0.0], [9.0, 9.0]]), 1.0), 1)
        >>> log_q, log_q_of_latents = aggregate_log_densities(q, torch.zeros(1, 2), -math.log(2))
        >>> log_q + math.log(2), log_q_of_latents + math.log(2)
        (tensor([-1.8379]), tensor([[-0.9189, -0.9189]]))
    """
    of_latents = q.base_dist.log_prob(z.unsqueeze(1)).flatten(2)
    weights = log_weights if isinstance(log_weights, float) else log_weights.unsqueeze(-1)
    joint = of_latents.sum(-1, keepdim=True) + weights
    return joint.squeeze(-1).logsumexp(1), (of_latents + weights).logsumexp(1)


@register_kl(Independent, MultivariateNormal)
def _kl_diagonal_full(q: Independent, p: MultivariateNormal) -> Tensor:
    normal = _vector(q)
    # L*⁻¹ diag(σ) scales the columns of L*⁻¹ by σ: one solve against σ on the diagonal gives it.
    return _kl(torch.diag_embed(normal.stddev), normal.stddev, p.mean - q.mean, p.scale_tril)


@register_kl(MultivariateNormal, Independent)
def _kl_full_diagonal(q: MultivariateNormal, p: Independent) -> Tensor:
    scale = _vector(p).scale
    lower = q.scale_tril
    trace = (lower / scale.unsqueeze(-1)).square().sum((-2, -1))
    distance = ((p.mean - q.mean) / scale).square().sum(-1)
    log_scales = scale.log().sum(-1) - lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (trace + distance - scale.shape[-1]) + log_scales


def _kl(lower: Tensor, diagonal: Tensor, difference: Tensor, other: Tensor) -> Tensor:
    """KL of N(μ, L Lᵀ) against N(μ*, L* L*ᵀ), of L with its diagonal, μ* − μ, and L*."""
    *batch, d = difference.shape  # the difference of the means has the batch shape of both distributions
    right = torch.cat([lower.expand(*batch, d, d), difference.expand(*batch, d).unsqueeze(-1)], dim=-1)
    whitened = torch.linalg.solve_triangular(other.expand(*batch, d, d), right, upper=False)
    log_scales = other.diagonal(dim1=-2, dim2=-1).log().sum(-1) - diagonal.log().sum(-1)
    return 0.5 * (whitened.square().sum((-2, -1)) - d) + log_scales


def _diagonal(distribution: Independent) -> Normal:
    base = distribution.base_dist
    if isinstance(base, Normal) and distribution.reinterpreted_batch_ndims > 0:
        return base
    raise NotImplementedError(f"no closed form for {_name(distribution)}")


def _vector(distribution: Independent) -> Normal:
    if distribution.reinterpreted_batch_ndims != 1:
        raise NotImplementedError(f"no closed form for {_name(distribution)} over maps")
    return _diagonal(distribution)


def _name(distribution: Distribution) -> str:
    if isinstance(distribution, Independent):
        return f"Independent({type(distribution.base_dist).__name__})"
    return type(distribution).__name__
