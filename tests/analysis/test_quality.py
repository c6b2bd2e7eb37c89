"""Figures of sample quality, where the answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zoo.analysis.quality import density_coverage, frechet_distance, gaussian_frechet_distance, precision_recall
from zoo.errors import DataError


def points(n: int, d: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_a_set_against_itself_is_perfect() -> None:
    x = points(300)
    assert precision_recall(x, x) == (1.0, 1.0)
    assert density_coverage(x, x) == (1.0, 1.0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_sets_far_apart_share_nothing() -> None:
    x = points(300)
    assert precision_recall(x, x + 100) == (0.0, 0.0)
    assert density_coverage(x, x + 100) == (0.0, 0.0)


def test_two_draws_of_one_law_score_as_the_paper_expects() -> None:
    """Naeem et al., section 3.3: the expected density is 1, the expected coverage 1 − Π_i (N − i)/(2N − i)."""
    n, k = 1000, 5
    density, coverage = density_coverage(points(n), points(n, seed=1), k=k)
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert density == pytest.approx(1.0, abs=0.05)
    assert coverage == pytest.approx(expected, abs=0.03)


def test_a_missing_mode_costs_recall_and_coverage_but_no_precision() -> None:
    real = torch.cat([points(200, 2), points(200, 2, seed=1) + 50])
    generated = points(400, 2, seed=2)
    precision, recall = precision_recall(real, generated)
    density, coverage = density_coverage(real, generated)
    assert precision > 0.8
    assert recall == pytest.approx(0.5, abs=0.05)
    assert density > 0.8
    assert coverage < 0.55


def test_one_outlier_among_the_data_does_not_make_bad_samples_dense() -> None:
    real = torch.cat([points(200, 2), torch.full((1, 2), 200.0)])
    bad = 100 + points(200, 2, seed=1)
    precision, _ = precision_recall(real, bad)
    density, _ = density_coverage(real, bad)
    assert precision == 1.0
    assert density <= 0.2


def test_the_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    lower = torch.randn(2, 5, 5, generator=generator, dtype=torch.float64).tril()
    first, second = lower @ lower.mT + torch.eye(5, dtype=torch.float64)
    mean1, mean2 = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    eigenvalues = torch.linalg.eigvals(first @ second).real.clamp_min(0)
    expected = (mean1 - mean2).square().sum() + first.trace() + second.trace() - 2 * eigenvalues.sqrt().sum()
    assert gaussian_frechet_distance(mean1, first, mean2, second) == pytest.approx(expected.item(), rel=1e-9)


def test_the_frechet_distance_of_diagonal_gaussians_is_that_of_their_scales() -> None:
    scales1, scales2 = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 0.0])
    mean = torch.tensor([1.0, -2.0, 0.0])
    distance = gaussian_frechet_distance(torch.zeros(3), scales1.square().diag(), mean, scales2.square().diag())
    assert distance == pytest.approx(5 + 4 + 2.25)


def test_features_of_gaussians_have_the_distance_of_the_gaussians() -> None:
    scale, shift = torch.tensor([2.0, 1.0, 0.5]), torch.tensor([1.0, 0.0, -1.0])
    first, second = points(100_000, 3), points(100_000, 3, seed=1) * scale + shift
    expected = (shift.square() + (1 - scale).square()).sum().item()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=0.02)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match=r"got \(10, 8\) and \(10, 7\)"):
        precision_recall(points(10), points(10, 7))
    with pytest.raises(DataError, match="expected more than k = 5 points, got 5"):
        density_coverage(points(5), points(10))
    with pytest.raises(DataError, match="expected at least 2 of each, got 1 and 10"):
        frechet_distance(points(1), points(10))
