"""The Student t likelihood."""

import math

import pytest
import torch

from zoo.likelihoods.gaussian import Gaussian
from zoo.likelihoods.student_t import StudentT, log_gamma_half_step

X = torch.tensor([[-3.0], [0.0], [0.4], [20.0]])


def test_many_degrees_of_freedom_give_the_gaussian():
    location = torch.zeros(4, 1)
    found = StudentT(data_shape=(1,), scale=0.7, degrees=1e9)(location).log_prob(X)
    torch.testing.assert_close(found, Gaussian(data_shape=(1,), scale=0.7)(location).log_prob(X), rtol=1e-5, atol=1e-5)


def test_one_degree_of_freedom_gives_the_cauchy_distribution():
    found = StudentT(data_shape=(1,), scale=2.0, degrees=1.0)(torch.ones(4, 1)).log_prob(X)
    torch.testing.assert_close(found, torch.distributions.Cauchy(1.0, 2.0).log_prob(X).squeeze(1))


@pytest.mark.parametrize("degrees", [1.0, 2.5, 4.0, 39.0, 41.0, 100.0])
def test_the_density_is_that_of_torch_in_float64(degrees):
    found = StudentT(data_shape=(1,), scale=0.5, degrees=degrees)(torch.zeros(4, 1)).log_prob(X)
    expected = torch.distributions.StudentT(torch.tensor(degrees, dtype=torch.float64), 0.0, 0.5).log_prob(X.double())
    torch.testing.assert_close(found.double(), expected.squeeze(1), rtol=1e-5, atol=1e-5)


def test_an_outlier_costs_the_logarithm_of_its_distance():
    p = StudentT(data_shape=(1,), degrees=3.0)(torch.zeros(1, 1, requires_grad=True))
    near, far = (p.log_prob(torch.tensor([[distance]])).item() for distance in (1e10, 1e30))
    assert near - far == pytest.approx(4 * 20 * math.log(10), rel=1e-4)


def test_the_gamma_function_half_a_step_on_is_exact_for_large_and_small_numbers():
    x = torch.tensor([0.5, 1.0, 3.7, 19.9, 20.1, 500.0, 1e6])
    expected = (x.double() + 0.5).lgamma() - x.double().lgamma()
    torch.testing.assert_close(log_gamma_half_step(x).double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("x", [19.9, 20.0, 20.01, 20.5, 21.0, 40.0])
def test_the_gamma_function_half_a_step_on_is_exact_to_nine_digits_on_both_sides_of_twenty(x):
    found = log_gamma_half_step(torch.tensor(x, dtype=torch.float64))
    assert found.item() == pytest.approx(math.lgamma(x + 0.5) - math.lgamma(x), abs=8e-10)


@pytest.mark.parametrize("distance", [0.9e6, 1.1e6, 1e10])
def test_the_density_far_away_is_that_of_torch_in_float64(distance):
    found = StudentT(data_shape=(1,), scale=1.0, degrees=3.0)(torch.zeros(1, 1)).log_prob(torch.tensor([[distance]]))
    expected = torch.distributions.StudentT(torch.tensor(3.0, dtype=torch.float64)).log_prob(torch.tensor(distance))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_learned_degrees_of_freedom_stay_above_one():
    likelihood = StudentT(data_shape=(1,), degrees_mode="per_pixel", scale_mode="per_pixel", floor=0.01)
    p = likelihood(torch.tensor([[0.0, -1e4, 3.0], [0.0, 3.0, -1e4]])).base_dist
    assert p.scale[0].item() == pytest.approx(0.01)
    assert p.df[1].item() == pytest.approx(1.0)
    assert p.scale[1].item() > 3
    assert p.df[0].item() > 4


def test_the_mean_is_the_location_also_without_a_mean():
    location = torch.tensor([[2.0]])
    assert StudentT(data_shape=(1,), degrees=0.5)(location).mean.item() == 2


def test_learned_degrees_of_freedom_find_those_of_the_data():
    torch.manual_seed(0)
    x = torch.distributions.StudentT(3.0, 0.0, 0.5).sample((5000, 1))
    likelihood = StudentT(data_shape=(1,), scale_mode="shared", degrees=10.0, degrees_mode="shared")
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(5000, 1)).log_prob(x).mean()).backward()
        optimizer.step()
    p = likelihood(torch.zeros(1, 1)).base_dist
    assert p.df.item() == pytest.approx(3.0, rel=0.15)
    assert p.scale.item() == pytest.approx(0.5, rel=0.08)
