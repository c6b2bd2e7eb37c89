"""How well generated data match real data in a feature space."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.analysis.neighbours import distance_blocks, neighbour_radius
from zoo.errors import DataError


def precision_recall(real: Tensor, generated: Tensor, *, k: int = 3) -> tuple[float, float]:
    """Return the share of generated points within the real manifold, and of real points within the generated one.

    The manifold of a set is the union of balls around its points, each just large enough to contain its k nearest
    neighbours. Unrealistic samples lower precision; modes that samples miss lower recall.

    Args:
        real: (N, F) features.
        generated: (M, F) features.

    Raises:
        DataError: either set has k points or fewer, or the numbers of features differ.

    Source:
        Kynkäänniemi et al. (2019), Improved Precision and Recall Metric for Assessing Generative Models.
        https://arxiv.org/abs/1904.06991

    Example:
        >>> points = torch.randn(50, 4)
        >>> precision_recall(points, points), precision_recall(points, points + 100)
        ((1.0, 1.0), (0.0, 0.0))
    """
    _check(real, generated)
    return _share_within(generated, real, k), _share_within(real, generated, k)


def density_coverage(real: Tensor, generated: Tensor, *, k: int = 5) -> tuple[float, float]:
    """Return the density of generated points in real neighbourhoods, and the share of neighbourhoods that contain any.

    A neighbourhood is the open ball around a real point up to its k-th nearest neighbour. Density is the average number
    of neighbourhoods that contain a generated point, divided by k: real points score 1, and samples that concentrate
    where the data are dense score more. Unlike precision and recall, both hardly change with one outlier.

    Args:
        real: (N, F) features.
        generated: (M, F) features.

    Raises:
        DataError: there are k real points or fewer, or the numbers of features differ.

    Source:
        Naeem et al. (2020), Reliable Fidelity and Diversity Metrics for Generative Models.
        https://arxiv.org/abs/2002.09797

    Example:
        >>> points = torch.randn(50, 4)
        >>> density_coverage(points, points)
        (1.0, 1.0)
    """
    _check(real, generated)
    radius = neighbour_radius(real, k)
    inside, covered = 0, 0
    for block, distances in distance_blocks(real, generated):
        within = distances < radius[block, None]
        inside += int(within.sum())
        covered += int(within.any(1).sum())
    return inside / (k * len(generated)), covered / len(real)


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return the squared Fréchet distance of Gaussians fitted to two sets of features (N, F) and (M, F).

    Raises:
        DataError: either set has fewer than 2 points, or the numbers of features differ.

    Source:
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule, section 2.
        https://arxiv.org/abs/1706.08500

    Example:
        >>> points = torch.randn(50, 4)
        >>> round(frechet_distance(points, points + 2), 6)
        16.0
    """
    _check(first, second, least=2)
    first, second = first.double(), second.double()
    return gaussian_frechet_distance(first.mean(0), first.T.cov(), second.mean(0), second.T.cov())


def gaussian_frechet_distance(mean1: Tensor, covariance1: Tensor, mean2: Tensor, covariance2: Tensor) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½) for means (F,) and covariances (F, F).

    Source:
        Dowson & Landau (1982), The Fréchet distance between multivariate normal distributions.
        https://doi.org/10.1016/0047-259X(82)90077-X
    """
    covariance1, covariance2 = (
        covariance1.double().reshape(len(mean1), -1),
        covariance2.double().reshape(len(mean2), -1),
    )
    values, vectors = torch.linalg.eigh(covariance1)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    # The symmetric product has the eigenvalues of Σ₁ Σ₂, which are negative only because of rounding.
    cross = torch.linalg.eigvalsh(root @ covariance2 @ root).clamp_min(0).sqrt().sum()
    distance = (mean1.double() - mean2.double()).square().sum() + covariance1.trace() + covariance2.trace() - 2 * cross
    return max(0.0, distance.item())


def _share_within(points: Tensor, centres: Tensor, k: int) -> float:
    radius = neighbour_radius(centres, k)
    inside = sum(int((distances <= radius).any(1).sum()) for _, distances in distance_blocks(points, centres))
    return inside / len(points)


def _check(real: Tensor, generated: Tensor, least: int = 1) -> None:
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise DataError(
            f"expected features (N, F) and (M, F), got {tuple(real.shape)} and {tuple(generated.shape)}",
            where="features",
        )
    if min(len(real), len(generated)) < least:
        raise DataError(f"expected at least {least} of each, got {len(real)} and {len(generated)}", where="features")
