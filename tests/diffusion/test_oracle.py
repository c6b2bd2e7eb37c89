"""The exact denoiser of a Gaussian mixture, against quadrature, Monte Carlo and known answers."""

import math

import pytest
import torch

from tests.diffusion.mixtures import draw, random_mixture, random_oracle
from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.oracle import MixtureOracle
from zoo.diffusion.schedules import noise_schedule

DIMENSIONS = [1, 2, 3, 5, 8]
every_dimension = pytest.mark.parametrize("dimensions", DIMENSIONS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("t", [1, 2, 9, 20])
def test_it_agrees_with_quadrature_on_the_line(seed, t):
    oracle = random_oracle(1, seed=seed)
    beta = oracle.chain.betas[t - 1]
    grid = torch.linspace(-12, 12, 60_001, dtype=torch.float64)
    prior = oracle.marginal(t - 1).log_prob(grid[:, None])
    for x in (-2.0, 0.1, 1.7):
        likelihood = -((x - (1 - beta).sqrt() * grid) ** 2) / (2 * beta)
        weights = (prior + likelihood).softmax(0)
        mean = (weights * grid).sum()
        variance = (weights * (grid - mean) ** 2).sum()
        found = oracle.posterior(torch.tensor([[x]]), t)
        assert found.mean.item() == pytest.approx(mean.item(), abs=2e-6)
        assert found.covariance.item() == pytest.approx(variance.item(), rel=1e-5)


@every_dimension
def test_it_agrees_with_brute_force_monte_carlo(dimensions):
    torch.manual_seed(dimensions)
    # Much noise in the step, so that draws of x_{t−1} from its own law still meet what x_t says.
    chain = NoiseChain(torch.tensor([0.3, 0.8], dtype=torch.float64))
    oracle, t, count = MixtureOracle(*random_mixture(dimensions, 3, dimensions), chain), 2, 100_000
    state = oracle.marginal(t).sample()
    # Draws of x_{t−1} with p(x_t | x_{t−1}) as weights.
    before = oracle.marginal(t - 1).sample(torch.Size([count]))
    beta = oracle.chain.betas[t - 1]
    weights = (-(state - (1 - beta).sqrt() * before).square().sum(1) / (2 * beta)).softmax(0)
    mean = (weights[:, None] * before).sum(0)
    covariance = torch.einsum("n,ni,nj->ij", weights, before - mean, before - mean)
    effective = 1 / weights.square().sum().item()
    found = oracle.posterior(state[None], t)
    bound = 5 * (found.covariance[0].diagonal() / effective).sqrt()
    assert effective > 100
    assert ((found.mean[0] - mean).abs() < bound).all()
    spread = found.covariance[0].diagonal()
    assert (
        (found.covariance[0] - covariance).abs() < 6 * torch.outer(spread, spread).sqrt() * (2 / effective) ** 0.5
    ).all()


@every_dimension
@pytest.mark.parametrize("t", [1, 7, 20])
def test_the_loss_is_floor_plus_excess_for_the_oracle_and_for_any_other_estimate(dimensions, t):
    torch.manual_seed(0)
    oracle, count = random_oracle(dimensions, seed=dimensions), 10_000
    x0 = draw(oracle, count)
    before, state = oracle.chain.draw_pair(x0, torch.full((count,), t))
    exact = oracle.posterior(state, t)
    floor = exact.covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
    for estimate in (exact.mean, 0.9 * exact.mean + 0.05, state, torch.zeros_like(x0)):
        loss = (estimate - before).square().sum(1)
        excess = (estimate - exact.mean).square().sum(1)
        gap = loss - floor - excess
        assert abs(gap.mean()) < 4.5 * gap.std() / math.sqrt(count)
    # The floor is lowest: nothing else does better on the same draws.
    best = (exact.mean - before).square().sum(1).mean()
    assert abs(best - floor.mean()) / floor.mean() < 0.05


@every_dimension
@pytest.mark.parametrize("t", [0, 1, 20])
def test_the_score_is_the_gradient_of_the_log_density(dimensions, t):
    torch.manual_seed(0)
    oracle = random_oracle(dimensions, seed=dimensions)
    x = (2 * torch.randn(7, dimensions, dtype=torch.float64)).requires_grad_()
    gradient = torch.autograd.grad(oracle.marginal(t).log_prob(x).sum(), x)[0]
    torch.testing.assert_close(oracle.score(x, t), gradient)


@every_dimension
def test_tweedies_formula_holds(dimensions):
    # E[x_{t−1}|x_t] = (x_t + β_t ∇log p(x_t)) / √(1−β_t)
    torch.manual_seed(0)
    oracle = random_oracle(dimensions, seed=dimensions)
    for t in (1, 5, 20):
        x, beta = draw(oracle, 6), oracle.chain.betas[t - 1]
        expected = (x + beta * oracle.score(x, t)) / (1 - beta).sqrt()
        torch.testing.assert_close(oracle.posterior(x, t).mean, expected)


@every_dimension
def test_covariances_are_symmetric_and_positive_definite_from_first_step_to_last(dimensions):
    oracle = random_oracle(dimensions, seed=1)
    for t in (1, 10, 20):
        covariance = oracle.posterior(5 * torch.randn(9, dimensions), t).covariance
        torch.testing.assert_close(covariance, covariance.mT)
        assert (torch.linalg.eigvalsh(covariance) > 0).all()


def test_one_gaussian_is_linear_regression():
    torch.manual_seed(0)
    weights, means, covariances = random_mixture(4, 1, seed=3)
    chain = NoiseChain(torch.tensor([0.2], dtype=torch.float64))
    oracle, x = MixtureOracle(weights, means, covariances, chain), torch.randn(5, 4, dtype=torch.float64)
    joint = 0.8 * covariances[0] + 0.2 * torch.eye(4, dtype=torch.float64)
    gain = 0.8**0.5 * torch.linalg.solve(joint, covariances[0]).T
    found = oracle.posterior(x, 1)
    torch.testing.assert_close(found.mean, means[0] + (x - 0.8**0.5 * means[0]) @ gain.T)
    torch.testing.assert_close(found.covariance[0], covariances[0] - 0.8**0.5 * gain @ covariances[0])


def test_scaled_data_have_the_scaled_mixture():
    weights, means, covariances = random_mixture(3, 2, seed=5)
    facts = {"weights": weights.tolist(), "means": means.tolist(), "covariances": covariances.tolist()}
    chain = NoiseChain(noise_schedule("linear", 10))
    shift, span = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([2.0, 0.5, 3.0])
    scaled = MixtureOracle.of_facts(facts, chain, shift, span)
    x = torch.randn(6, 3, dtype=torch.float64)
    expected = MixtureOracle.of_facts(facts, chain).marginal(0).log_prob(x * span + shift) + span.double().log().sum()
    torch.testing.assert_close(scaled.marginal(0).log_prob(x), expected)


def test_far_states_and_narrow_modes_stay_finite():
    oracle = MixtureOracle(
        torch.tensor([0.5, 0.5]),
        torch.tensor([[-100.0], [100.0]]),
        torch.full((2, 1, 1), 1e-8),
        NoiseChain(noise_schedule("cosine", 1000)),
    )
    for t in (1, 500, 1000):
        moments = oracle.posterior(torch.tensor([[-1e4], [0.0], [1e4]]), t)
        assert moments.mean.isfinite().all()
        assert (moments.covariance >= 0).all()
