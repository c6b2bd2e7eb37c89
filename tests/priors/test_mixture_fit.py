"""Mixtures fitted to points from known ones."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from zoo.errors import DataError
from zoo.priors._mixtures import GaussianMixture, fit_mixture

MEANS = torch.tensor([[-4.0, 0.0], [4.0, 1.0], [0.0, 6.0]])
COVARIANCES = torch.tensor([[[1.0, 0.6], [0.6, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [[1.0, -0.3], [-0.3, 0.5]]])
WEIGHTS = torch.tensor([0.5, 0.2, 0.3])


def distribution(found: GaussianMixture) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(found.weights), MultivariateNormal(found.means, found.covariances))


def draws(n: int) -> Tensor:
    truth = MixtureSameFamily(Categorical(WEIGHTS), MultivariateNormal(MEANS, COVARIANCES))
    torch.manual_seed(0)
    return truth.sample((n,))


def test_em_finds_the_mixture_that_the_points_are_from() -> None:
    found = fit_mixture(draws(20_000), 3)
    order = torch.cdist(MEANS, found.means).argmin(1)
    assert sorted(order.tolist()) == [0, 1, 2]
    assert torch.allclose(found.weights[order], WEIGHTS, atol=0.02)
    assert torch.allclose(found.means[order], MEANS, atol=0.05)
    assert torch.allclose(found.covariances[order], COVARIANCES, atol=0.08)


def test_more_iterations_never_fit_worse() -> None:
    points = draws(500)
    fits = [
        distribution(fit_mixture(points, 4, iterations=n, tolerance=0.0)).log_prob(points).mean() for n in (1, 3, 10)
    ]
    assert all(later >= earlier - 1e-4 for earlier, later in itertools.pairwise(fits))


def test_the_same_seed_gives_the_same_mixture_and_leaves_the_global_noise_alone() -> None:
    points, state = draws(300), torch.get_rng_state()
    first, second = fit_mixture(points, 3), fit_mixture(points, 3)
    assert torch.equal(first.means, second.means)
    assert torch.equal(torch.get_rng_state(), state)


def test_one_component_has_the_mean_and_covariance_of_the_points() -> None:
    points = draws(1000)
    found = fit_mixture(points, 1)
    assert found.weights.tolist() == [1.0]
    assert torch.allclose(found.means[0], points.mean(0), atol=1e-5)
    assert torch.allclose(found.covariances[0], points.T.cov(correction=0), rtol=1e-3, atol=1e-2)


def test_points_that_coincide_make_no_singular_covariance() -> None:
    points = torch.cat([torch.zeros(50, 3), torch.ones(50, 3)])
    assert distribution(fit_mixture(points, 2)).log_prob(points).isfinite().all()
    assert distribution(fit_mixture(torch.zeros(50, 3), 2)).sample((5,)).isfinite().all()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (torch.zeros(5, 2), "expected at least 6 latents"),
        (torch.full((9, 2), torch.nan), "expected finite"),
        (torch.zeros(9), r"got \(9,\)"),
    ],
)
def test_points_that_fit_nothing_are_refused(points: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_mixture(points, 3)
