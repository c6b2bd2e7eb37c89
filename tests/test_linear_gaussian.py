"""The linear-Gaussian model, where everything is known (Tipping & Bishop 1999): z ~ N(0, I), x|z ~ N(W z + b, σ² I)."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from tests.linear_gaussian import SIGMA, B, W, build, data, fit
from zoo.model import Model

M = W.T @ W + SIGMA**2 * torch.eye(2)
GAP = 0.5 * (M.diagonal().log().sum() - torch.logdet(M))
"""What a diagonal posterior must lose, in nats, for every x."""


def make(posterior: str, **objective: object) -> Model:
    return build({"name": posterior, "floor": 1e-6}, "standard_gaussian", **objective)


@functools.cache
def fitted(posterior: str) -> Model:
    """Return a model with a trained posterior, which tests share: copy it before you change it."""
    model = make(posterior, num_samples=16)
    fit(model, data(256))
    return model


def log_evidence(x: Tensor) -> Tensor:
    return MultivariateNormal(B, W @ W.T + SIGMA**2 * torch.eye(3)).log_prob(x)


def gap(model: Model, x: Tensor) -> float:
    """Mean of log p(x) − ELBO(x), in nats."""
    torch.manual_seed(2)
    with torch.no_grad():
        return (log_evidence(x).mean() + model.loss(x).total).item()


@pytest.mark.parametrize(("posterior", "expected"), [("full_gaussian", 0.0), ("diagonal_gaussian", GAP.item())])
def test_training_reaches_the_best_bound_of_the_family(posterior: str, expected: float) -> None:
    model = copy.deepcopy(fitted(posterior))
    model.objective.num_samples = 4000
    assert gap(model, data(256)) == pytest.approx(expected, abs=0.01)


def test_the_gap_of_a_diagonal_posterior_is_large_enough_to_be_seen() -> None:
    assert GAP > 0.1


def test_a_trained_full_posterior_is_the_true_one() -> None:
    x = data(256)
    q = fitted("full_gaussian").encode(x)
    assert torch.allclose(q.mean, (x - B) @ W @ torch.linalg.inv(M).T, atol=0.05)
    assert torch.allclose(q.covariance_matrix[0], SIGMA**2 * torch.linalg.inv(M), atol=0.03)


def test_with_the_true_posterior_every_single_draw_gives_the_evidence() -> None:
    x = data(20)
    model = make("full_gaussian", kl="monte_carlo")
    lower = torch.linalg.cholesky(SIGMA**2 * torch.linalg.inv(M))
    with torch.no_grad():
        head = model.posterior.head
        head.weight.zero_()
        head.weight[:2] = torch.linalg.inv(M) @ W.T
        head.bias[:2] = -torch.linalg.inv(M) @ W.T @ B
        head.bias[2:4] = torch.expm1(lower.diagonal() - 1e-6).log()
        head.bias[4] = 2**0.5 * lower[1, 0] / lower[1, 1]
    for seed in range(3):
        torch.manual_seed(seed)
        assert gap(model, x) == pytest.approx(0.0, abs=1e-4)
        assert torch.allclose(model.log_likelihood(x, num_samples=1), log_evidence(x), atol=1e-4)


def test_the_importance_weighted_estimate_reaches_the_evidence_from_below() -> None:
    model, x = fitted("diagonal_gaussian"), data(100)
    torch.manual_seed(3)
    gaps = [(log_evidence(x) - model.log_likelihood(x, num_samples=k)).mean().item() for k in (1, 10, 10_000)]
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] == pytest.approx(0.0, abs=0.01)


def test_the_memory_bound_does_not_change_the_estimate() -> None:
    model, x = fitted("full_gaussian"), data(10)
    for max_rows in (7, 64, 100_000):
        torch.manual_seed(4)
        estimate = model.log_likelihood(x, num_samples=500, max_rows=max_rows)
        assert torch.allclose(estimate, log_evidence(x), atol=0.15)


def test_the_importance_weighted_bound_is_tighter_than_the_elbo() -> None:
    x = data(200)
    torch.manual_seed(5)
    elbo = -make("diagonal_gaussian", num_samples=50).loss(x).total
    bound = -make("diagonal_gaussian", num_samples=50, bound="importance_weighted").loss(x).total
    assert elbo + 0.05 < bound < log_evidence(x).mean() + 0.01
