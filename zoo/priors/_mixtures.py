"""Gaussians and mixtures of Gaussians fitted to latents in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

from zoo.errors import DataError

_FLOOR = 1e-4
"""Added to each variance, as a share of the mean variance of the codes: a component may not shrink to a point."""


def fit_gaussian(codes: Tensor) -> MultivariateNormal:
    """Return the Gaussian with the mean and covariance of codes (N, d).

    Raises:
        DataError: fewer than 2 codes, or codes that are not finite.

    Example:
        >>> fit_gaussian(torch.tensor([[0.0], [2.0]])).mean
        tensor([1.])
    """
    _check(codes, 1)
    points = codes.double()
    centred = points - points.mean(0)
    covariance = centred.T @ centred / len(points)
    return _gaussian(points.mean(0), covariance + _floor(points), codes.dtype)


def fit_mixture(
    codes: Tensor, components: int, *, iterations: int = 200, tolerance: float = 1e-4, seed: int = 0
) -> Distribution:
    """Return a mixture of Gaussians with full covariances, fitted to codes (N, d) by expectation and maximisation.

    Args:
        components: K; 1 gives :func:`fit_gaussian`.
        iterations: at most.
        tolerance: stop when a step adds less to the mean log-density, in nats.
        seed: of the first centres, chosen from the codes far from each other (k-means++).

    Raises:
        DataError: fewer than 2 codes for each component, or codes that are not finite.

    Source:
        Dempster, Laird & Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm.
        https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
        Arthur & Vassilvitskii (2007), k-means++. https://dl.acm.org/doi/10.5555/1283383.1283494

    Example:
        >>> codes = torch.cat([torch.randn(100, 2) - 9, torch.randn(100, 2) + 9])
        >>> fit_mixture(codes, 2).mixture_distribution.probs
        tensor([0.5000, 0.5000])
    """
    _check(codes, components)
    if components == 1:
        return fit_gaussian(codes)
    points = codes.double()
    floor = _floor(points)
    responsibilities = _nearest(points, _first_centres(points, components, seed))
    before = -math.inf
    for _ in range(iterations):
        weights, means, covariances = _maximise(points, responsibilities, floor)
        log_joint = weights.log() + _log_densities(points, means, torch.linalg.cholesky(covariances))
        evidence = log_joint.logsumexp(1, keepdim=True)
        responsibilities = (log_joint - evidence).exp()
        if evidence.mean().item() - before < tolerance:
            break
        before = evidence.mean().item()
    return MixtureSameFamily(
        Categorical(probs=weights.to(codes.dtype), validate_args=False),
        _gaussian(means, covariances, codes.dtype),
        validate_args=False,
    )


def _maximise(points: Tensor, responsibilities: Tensor, floor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights (K,), means (K, d) and covariances (K, d, d) of responsibilities (N, K)."""
    counts = responsibilities.sum(0).clamp_min(1e-9)
    means = responsibilities.T @ points / counts[:, None]
    covariances = []
    for k, mean in enumerate(means):
        centred = points - mean
        covariances.append((centred * responsibilities[:, k, None]).T @ centred / counts[k] + floor)
    return counts / counts.sum(), means, torch.stack(covariances)


def _log_densities(points: Tensor, means: Tensor, lower: Tensor) -> Tensor:
    """Return log N(x; μ_k, L_k L_kᵀ), (N, K)."""
    whitened = torch.linalg.solve_triangular(lower, (points - means[:, None]).mT, upper=False)
    log_scales = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    constant = 0.5 * points.shape[1] * math.log(2 * math.pi)
    return (-0.5 * whitened.square().sum(1) - log_scales[:, None] - constant).T


def _first_centres(points: Tensor, components: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(components - 1):
        nearest = torch.cdist(points, centres).square().min(1).values
        chances = nearest if nearest.sum() > 0 else torch.ones_like(nearest)
        centres = torch.cat([centres, points[torch.multinomial(chances, 1, generator=generator)]])
    return centres


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    chosen = torch.cdist(points, centres).argmin(1)
    return torch.nn.functional.one_hot(chosen, len(centres)).to(points.dtype)


def _floor(points: Tensor) -> Tensor:
    spread = points.var(0, correction=0).mean().clamp_min(1e-12)
    return _FLOOR * spread * torch.eye(points.shape[1], dtype=points.dtype)


def _gaussian(mean: Tensor, covariance: Tensor, dtype: torch.dtype) -> MultivariateNormal:
    lower = torch.linalg.cholesky(covariance)
    return MultivariateNormal(mean.to(dtype), scale_tril=lower.to(dtype), validate_args=False)


def _check(codes: Tensor, components: int) -> None:
    if codes.ndim != 2 or len(codes) < 2 * components:
        raise DataError(
            f"expected at least {2 * components} latents (N, d) for {components} Gaussians, got {tuple(codes.shape)}",
            where="latents",
        )
    if not codes.isfinite().all():
        raise DataError("expected finite latents, got NaN or infinity", where="latents")
