"""Mixtures fitted to points from known ones."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from zoo.errors import DataError
from zoo.priors import _mixtures
from zoo.priors._mixtures import GaussianMixture, MixtureDistribution, fit_mixture

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


def test_covariances_have_a_floor_of_a_small_share_of_the_mean_variance() -> None:
    points = draws(1000).double()
    expected = points.T.cov(correction=0) + 1e-4 * points.var(0, correction=0).mean() * torch.eye(2)
    torch.testing.assert_close(fit_mixture(points, 1).covariances[0], expected)


@pytest.mark.parametrize("size", [4, 110])
def test_the_covariance_of_a_component_is_of_its_own_latents(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known answer: of two clusters that lie apart, each has its own covariance.

    In many dimensions, where a step takes long, no time goes to the latents of the other.
    """
    torch.manual_seed(0)
    parts = [torch.randn(300, size).double() - 50, 2 * torch.randn(100, size).double() + 50]
    points, rows = torch.cat(parts), []
    matmul = Tensor.__matmul__
    monkeypatch.setattr(Tensor, "__matmul__", lambda a, b: rows.append(tuple(a.shape)) or matmul(a, b))
    found = fit_mixture(points, 2, iterations=3, tolerance=0.0)
    monkeypatch.undo()
    if size > 4:
        assert sorted(shape[1] for shape in rows if shape[0] == size) == [100] * 3 + [300] * 3
    floor = 1e-4 * points.var(0, correction=0).mean() * torch.eye(size)
    for part, index in zip(parts, found.means[:, 0].argsort(), strict=True):
        torch.testing.assert_close(found.covariances[index], part.T.cov(correction=0) + floor)


def test_classes_that_lie_apart_have_components_of_their_own_but_for_a_tenth_of_a_latent() -> None:
    """π_k(y) = (n_ky + 0.1 n_k / n) / (n_y + 0.1), and a class without latents has the weights of all together."""
    points = torch.cat([torch.randn(30, 2) - 50, torch.randn(10, 2) + 50])
    labels = torch.arange(40) // 30
    found = fit_mixture(points, 2, labels=labels, classes=3)
    order = found.means[:, 0].argsort()
    shares = torch.tensor([0.75, 0.25])
    counts = torch.tensor([[30.0, 0.0], [0.0, 10.0], [0.0, 0.0]])
    torch.testing.assert_close(found.weights[:, order], (counts + 0.1 * shares) / (counts.sum(1, keepdim=True) + 0.1))


@pytest.mark.parametrize("batch", [(), (4,)])
def test_density_and_moments_are_those_of_torchs_mixture(batch: tuple[int, ...], monkeypatch) -> None:
    torch.manual_seed(0)
    log_weights, means = torch.randn(*batch, 3).double(), 3 * torch.randn(3, 6).double()
    lower = torch.randn(3, 6, 6).double().tril(-1) + torch.diag_embed(torch.rand(3, 6).double() + 0.5)
    ours = MixtureDistribution(log_weights, means, lower, (2, 3))
    components = MultivariateNormal(means.expand(*batch, 3, 6), scale_tril=lower.expand(*batch, 3, 6, 6))
    theirs = MixtureSameFamily(Categorical(logits=log_weights), components)
    z = torch.randn(7, *batch, 2, 3).double()
    for largest in (2**22, 20):  # all at once, and a latent at a time
        monkeypatch.setattr(_mixtures, "_LARGEST", largest)
        torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z.flatten(-2)))
    torch.testing.assert_close(ours.mean, theirs.mean.unflatten(-1, (2, 3)))
    torch.testing.assert_close(ours.variance, theirs.variance.unflatten(-1, (2, 3)))
    draws = ours.sample((20_000,))
    assert draws.shape == (20_000, *batch, 2, 3)
    error = (theirs.variance / 20_000).sqrt().unflatten(-1, (2, 3))
    assert ((draws.mean(0) - ours.mean).abs() < 5 * error).all()
    torch.testing.assert_close(draws.var(0), ours.variance, rtol=0.08, atol=0)


def test_it_stops_where_a_step_adds_less_than_the_tolerance() -> None:
    points = draws(300)
    whole, first = fit_mixture(points, 3, iterations=1, tolerance=0.0), fit_mixture(points, 3, tolerance=torch.inf)
    for one, other in zip(first, fit_mixture(points, 3, iterations=2, tolerance=0.0), strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(whole.means, first.means)


@pytest.mark.parametrize("seed", range(10))
def test_the_first_centres_lie_far_from_each_other(seed: int) -> None:
    """Points that coincide with a centre have no chance to be the next one, as long as there are others."""
    points = torch.eye(4).repeat(25, 1).double()
    assert _mixtures._first_centres(points, 4, seed).sum(0).tolist() == [1.0] * 4
