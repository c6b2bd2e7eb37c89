"""The beta-binomial likelihood."""

import pytest
import torch

from zoo.likelihoods.beta_binomial import BetaBinomial, beta_binomial_log_prob


def textbook(x, n, alpha, beta):
    x, alpha, beta = (torch.as_tensor(value, dtype=torch.float64) for value in (x, alpha, beta))

    def log_beta(a, b):
        return a.lgamma() + b.lgamma() - (a + b).lgamma()

    return (
        -torch.log(torch.tensor(n + 1.0))
        - log_beta(x + 1, n - x + 1)
        + log_beta(x + alpha, n - x + beta)
        - log_beta(alpha, beta)
    )


@pytest.mark.parametrize("n", [1, 3, 255])
def test_alpha_and_beta_of_one_are_uniform(n):
    likelihood = BetaBinomial(data_shape=(1,), total=n, values="whole", concentration=2.0)
    x = torch.arange(n + 1.0)[:, None]
    found = likelihood(torch.zeros(n + 1, 2)).log_prob(x).exp()
    torch.testing.assert_close(found, torch.full((n + 1,), 1 / (n + 1)), rtol=1e-4, atol=0)


def test_one_trial_is_bernoulli_whatever_the_concentration():
    logits, x = torch.randn(6, 1), torch.tensor([[0.0], [1.0]] * 3)
    raw = torch.cat([logits, torch.randn(6, 1)], 1)
    found = BetaBinomial(data_shape=(1,), total=1)(raw).log_prob(x)
    torch.testing.assert_close(
        found, torch.distributions.Bernoulli(logits=logits).log_prob(x).squeeze(1), rtol=1e-4, atol=1e-5
    )


def test_a_large_concentration_is_binomial():
    x = torch.arange(21.0)
    found = beta_binomial_log_prob(x, 20, torch.tensor(0.3e7), torch.tensor(0.7e7))
    torch.testing.assert_close(
        found, torch.distributions.Binomial(20, torch.tensor(0.3)).log_prob(x), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(("alpha", "beta"), [(1e-4, 3.0), (0.5, 0.5), (9.0, 11.0), (300.0, 2e4)])
def test_probabilities_keep_their_digits_in_float32(alpha, beta):
    x = torch.tensor([0.0, 1.0, 9.0, 128.0, 254.0, 255.0])
    found = beta_binomial_log_prob(x, 255, torch.tensor(alpha), torch.tensor(beta))
    torch.testing.assert_close(found.double(), textbook(x, 255, alpha, beta), rtol=3e-6, atol=1e-4)


def test_levels_of_images_in_the_unit_interval_are_whole_counts():
    raw = torch.randn(4, 2)
    unit, whole = (BetaBinomial(data_shape=(1,), total=255, values=values)(raw) for values in ("unit", "whole"))
    x = torch.tensor([[0.0], [7.0], [128.0], [255.0]])
    torch.testing.assert_close(unit.log_prob(x / 255), whole.log_prob(x))
    torch.testing.assert_close(unit.mean * 255, whole.mean)
    torch.testing.assert_close(unit.variance * 255**2, whole.variance)


def test_a_learned_concentration_stays_above_a_thousandth():
    p = BetaBinomial(data_shape=(1,), total=4)(torch.tensor([[0.0, -1e4]])).base_dist
    torch.testing.assert_close(p.alpha, torch.tensor([[0.5e-3 + 1e-6]]))
    torch.testing.assert_close(p.beta, p.alpha)


def test_values_are_bytes_if_nothing_else_is_stated() -> None:
    p = BetaBinomial(data_shape=(1,))(torch.zeros(1, *BetaBinomial(data_shape=(1,)).parameter_shape))
    levels = torch.arange(256.0) / 255
    assert p.log_prob(levels[:, None, None]).exp().sum().item() == pytest.approx(1.0, abs=1e-4)
