"""Distributions made by invertible maps, and the fixed points that estimate their moments."""

from __future__ import annotations

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from zoo.nn.flows.distributions import FlowDistribution, Inverse, spread_normal
from zoo.nn.flows.masked import Autoregressive

LOWER = torch.tensor([[2.0, 0, 0], [0.7, 0.5, 0], [-0.4, 1.1, 1.5]], dtype=torch.float64)
MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


def linear_step() -> Autoregressive:
    """Return the map z ↦ L z + m."""
    step = Autoregressive(3).double()
    with torch.no_grad():
        step.network.output.weight.view(3, 2, 3)[:, 0] = LOWER
        step.network.output.bias.view(3, 2)[:, 0] = MEAN
        step.network.output.bias.view(3, 2)[:, 1] = 3 * torch.atanh(LOWER.diagonal().log() / 3)
    return step


def standard_normal(*batch: int) -> Independent:
    return Independent(Normal(torch.zeros(*batch, 3, dtype=torch.float64), 1.0), 1)


def random_flow(batch: int = 5) -> FlowDistribution:
    torch.manual_seed(0)
    steps = [Autoregressive(3, [16], context_dim=4, activation="tanh") for _ in range(2)]
    for step in steps:
        torch.nn.init.normal_(step.network.output.weight, std=0.3)
        step.double()
    return FlowDistribution(standard_normal(batch), steps, torch.randn(batch, 4, dtype=torch.float64))


def test_a_linear_map_gives_the_gaussian_of_its_matrix() -> None:
    q, whole = FlowDistribution(standard_normal(), [linear_step()]), MultivariateNormal(MEAN, scale_tril=LOWER)
    z = torch.randn(7, 3, dtype=torch.float64)
    torch.testing.assert_close(q.log_prob(z), whole.log_prob(z))
    torch.testing.assert_close(q.mean, whole.mean)
    torch.testing.assert_close(q.variance, whole.variance)
    draws = q.sample((50_000,))
    torch.testing.assert_close(torch.cov(draws.T), whole.covariance_matrix, atol=0.1, rtol=0.03)


def test_a_map_and_its_inverse_give_the_base_back() -> None:
    step, z = linear_step(), torch.randn(7, 3, dtype=torch.float64)
    q = FlowDistribution(standard_normal(), [step, Inverse(step)])
    torch.testing.assert_close(q.log_prob(z), standard_normal().log_prob(z))


def test_a_draw_comes_with_the_density_that_inversion_finds() -> None:
    q = random_flow()
    z, log_q = q.rsample_and_log_prob((7,))
    torch.testing.assert_close(q.log_prob(z), log_q)
    torch.testing.assert_close(q.log_prob(z.clone()), log_q)


def test_moments_are_those_of_many_draws_and_the_same_each_time() -> None:
    q = random_flow()
    draws = q.sample((50_000,))
    assert ((q.mean - draws.mean(0)).abs() < 0.05 * draws.std(0)).all()
    torch.testing.assert_close(q.variance, draws.var(0), rtol=0.15, atol=0)
    assert torch.equal(random_flow().mean, q.mean)


def test_moments_of_an_example_do_not_depend_on_the_batch() -> None:
    q = random_flow()
    alone = FlowDistribution(standard_normal(1), q.maps, q.context[2:3])
    torch.testing.assert_close(alone.mean[0], q.mean[2])


def test_expanded_it_is_the_same_distribution_and_draws_more() -> None:
    q = FlowDistribution(standard_normal(), [linear_step()])
    z = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(q.expand((4,)).log_prob(z), q.log_prob(z))
    assert q.expand((4,)).sample().shape == (4, 3)
    assert random_flow().expand((2, 5)).sample((6,)).shape == (6, 2, 5, 3)


def test_it_can_be_a_component_of_a_mixture() -> None:
    q = random_flow()
    mixture = MixtureSameFamily(Categorical(torch.ones(5, dtype=torch.float64)), q, validate_args=False)
    z = torch.randn(9, 3, dtype=torch.float64)
    torch.testing.assert_close(mixture.log_prob(z), q.log_prob(z[:, None]).logsumexp(-1) - torch.tensor(5.0).log())
    assert mixture.sample((6,)).shape == (6, 3)


def test_spread_points_have_the_moments_of_the_standard_normal() -> None:
    points = spread_normal(64, 4).double()
    torch.testing.assert_close(points.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(points.T @ points / 64, torch.eye(4, dtype=torch.float64), atol=1e-6, rtol=0)
    assert points.pow(4).mean(0).sub(3).abs().max() < 0.8
    many = spread_normal(64, 200).double()
    torch.testing.assert_close(many.square().mean(0), torch.ones(200, dtype=torch.float64), atol=1e-6, rtol=0)


def test_spread_points_leave_the_random_numbers_of_the_program_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    spread_normal.cache_clear()
    spread_normal(8, 5)
    assert spread_normal(8, 30_000).shape == (8, 30_000)
    assert torch.equal(torch.rand(3), expected)


def test_with_four_points_for_each_dimension_the_covariance_of_spread_points_is_the_identity() -> None:
    points = spread_normal(16, 4).double()
    torch.testing.assert_close(points.T @ points / 16, torch.eye(4, dtype=torch.float64), atol=1e-5, rtol=0)
