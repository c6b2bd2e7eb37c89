"""The negative binomial likelihood."""

import pytest
import torch

from zoo.likelihoods._counting import negative_binomial_log_prob, poisson_log_prob
from zoo.likelihoods.negative_binomial import NegativeBinomial


def textbook(x, rate, concentration):
    """log Γ(x+θ)/(Γ(θ) x!) + θ log(θ/(θ+μ)) + x log(μ/(θ+μ)) in float64."""
    x, rate, theta = (torch.as_tensor(value, dtype=torch.float64) for value in (x, rate, concentration))
    choose = (x + theta).lgamma() - theta.lgamma() - (x + 1).lgamma()
    return choose - theta * (rate / theta).log1p() + x * (rate.log() - (theta + rate).log())


def test_the_variance_is_the_mean_and_its_square_over_the_concentration():
    """μ = 3 and θ = 2 give 3 + 9/2 = 7.5."""
    p = NegativeBinomial(data_shape=(1,), size=3.0, concentration=2.0)(torch.zeros(1, 1))
    assert p.mean.item() == pytest.approx(3.0)
    assert p.variance.item() == pytest.approx(7.5)


@pytest.mark.parametrize("concentration", [1e-3, 0.3, 2.0, 50.0])
@pytest.mark.parametrize("rate", [1e-3, 1.0, 30.0])
def test_the_probabilities_are_those_of_the_textbook(rate, concentration):
    x = torch.tensor([0.0, 1.0, 2.0, 10.0, 11.0, 200.0])
    found = negative_binomial_log_prob(x, torch.tensor(rate).log(), torch.tensor(concentration))
    torch.testing.assert_close(found.double(), textbook(x, rate, concentration), rtol=5e-6, atol=5e-6)


def test_the_probabilities_are_those_of_torch():
    x = torch.arange(20.0)
    theirs = torch.distributions.NegativeBinomial(2.5, probs=torch.tensor(4.0 / 6.5)).log_prob(x)
    torch.testing.assert_close(negative_binomial_log_prob(x, torch.tensor(4.0).log(), torch.tensor(2.5)), theirs)


@pytest.mark.parametrize("concentration", [0.7, 1e3, 1e6])
def test_large_counts_keep_their_digits_in_float32(concentration):
    x = torch.tensor([9e4, 1e5, 1.2e5])
    found = negative_binomial_log_prob(x, torch.tensor(1e5).log(), torch.tensor(concentration))
    torch.testing.assert_close(found.double(), textbook(x, 1e5, concentration), rtol=1e-3, atol=2e-3)


def test_a_large_concentration_gives_the_poisson_distribution():
    x, log_rate = torch.tensor([0.0, 1.0, 5.0, 40.0]), torch.tensor(7.0).log()
    found = negative_binomial_log_prob(x, log_rate, torch.tensor(1e10))
    torch.testing.assert_close(found, poisson_log_prob(x, log_rate), rtol=1e-5, atol=1e-5)


def test_the_learned_concentration_of_each_feature_finds_that_of_the_data():
    torch.manual_seed(0)
    true = torch.tensor([0.5, 5.0])
    x = torch.poisson(torch.distributions.Gamma(true, true / 8).sample((3000,)))
    likelihood = NegativeBinomial(data_shape=(2,), size=8.0)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(3000, 2)).log_prob(x).mean()).backward()
        optimizer.step()
    found = likelihood(torch.zeros(1, 2)).base_dist.concentration.detach()[0]
    torch.testing.assert_close(found, true, rtol=0.15, atol=0)


def test_the_library_size_of_an_example_scales_its_rates():
    likelihood = NegativeBinomial(data_shape=(3,), library="observed", concentration=2.0)
    raw, x = torch.randn(1, 3), torch.tensor([[10.0, 4.0, 6.0]])
    rates = 20 * raw.softmax(1)
    expected = negative_binomial_log_prob(x, rates.log(), torch.tensor(2.0)).sum(1)
    torch.testing.assert_close(likelihood(raw).log_prob(x).detach(), expected)


def test_a_learned_concentration_may_become_as_small_as_its_floor():
    """With θ = 10⁻⁴ and μ = 2, the variance is μ + μ² / θ."""
    likelihood = NegativeBinomial(data_shape=(1,), size=2.0, concentration_mode="per_pixel")
    p = likelihood(torch.tensor([[0.0, -1e3]]))
    assert p.mean.item() == pytest.approx(2.0)
    assert p.variance.item() == pytest.approx(2 + 4e4, rel=1e-3)
