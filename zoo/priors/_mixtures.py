"""Gaussians and mixtures of Gaussians fitted to latents in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import DataError

_FLOOR = 1e-4
"""Added to each variance, as a share of the mean variance of the latents: a component may not shrink to a point."""


class GaussianMixture(NamedTuple):
    """The parameters of a mixture of Gaussians.

    Attributes:
        weights: (K,), which sum to 1.
        means: (K, d).
        covariances: (K, d, d).
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor


def fit_mixture(
    latents: Tensor, components: int, *, iterations: int = 200, tolerance: float = 1e-4, seed: int = 0
) -> GaussianMixture:
    """Return a mixture of Gaussians with full covariances, fitted to latents (N, d) by expectation and maximisation.

    Args:
        components: K; 1 gives the mean and the covariance of the latents.
        iterations: at most.
        tolerance: stop when a step adds less to the mean log-density, in nats.
        seed: of the first centres, chosen from the latents far from each other (k-means++).

    Raises:
        DataError: fewer than 2 latents for each component, or latents that are not finite.

    Source:
        Dempster, Laird & Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm.
        https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
        Arthur & Vassilvitskii (2007), k-means++. https://dl.acm.org/doi/10.5555/1283383.1283494

    Example:
        >>> latents = torch.cat([torch.randn(100, 2) - 9, torch.randn(100, 2) + 9])
        >>> fit_mixture(latents, 2).weights
        tensor([0.5000, 0.5000])
    """
    _check(latents, components)
    points = latents.double()
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
    return GaussianMixture(*(values.to(latents.dtype) for values in (weights, means, covariances)))


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
    constant = 0.5 * points.shape[1] * math.log(2 * math.pi)
    densities = []
    for mean, factor in zip(means, lower, strict=True):  # one at a time, which bounds the memory
        whitened = torch.linalg.solve_triangular(factor, (points - mean).T, upper=False)
        densities.append(-0.5 * whitened.square().sum(0) - factor.diagonal().log().sum() - constant)
    return torch.stack(densities, 1)


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


def _check(latents: Tensor, components: int) -> None:
    if latents.ndim != 2 or len(latents) < 2 * components:
        raise DataError(
            f"expected at least {2 * components} latents (N, d) for {components} Gaussians, got {tuple(latents.shape)}",
            where="latents",
        )
    if not latents.isfinite().all():
        raise DataError("expected finite latents, got NaN or infinity", where="latents")
