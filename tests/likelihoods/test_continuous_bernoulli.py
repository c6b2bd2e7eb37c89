"""The continuous Bernoulli likelihood."""

import pytest
import torch

from zoo.likelihoods.continuous_bernoulli import ContinuousBernoulli, ContinuousBernoulliDistribution

LOGITS = torch.tensor([-30.0, -2.0, -0.51, -0.49, -1e-2, -1e-4, 0.0, 1e-4, 1e-2, 0.49, 0.51, 2.0, 30.0])


def test_known_answers_at_zero_and_at_two():
    """C(0) = 2, so that the density is 1 everywhere; the mean at a = 2 is 1/(1 − e⁻²) − ½."""
    p = ContinuousBernoulli(data_shape=(1,))(torch.tensor([[0.0], [2.0]]))
    assert p.log_prob(torch.tensor([[0.3], [1.0]]))[0] == 0
    torch.testing.assert_close(p.mean.squeeze(1), torch.tensor([0.5, 0.6565176427]))


def test_the_density_is_that_of_torch_where_torch_uses_its_closed_form():
    logits = torch.tensor([-5.0, -1.0, 0.8, 3.0], dtype=torch.float64)
    ours, theirs = ContinuousBernoulliDistribution(logits), torch.distributions.ContinuousBernoulli(logits=logits)
    x = torch.tensor(0.37, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.variance, theirs.variance)


def test_series_and_closed_form_agree_in_float32_with_quadrature_in_float64():
    x = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    weights = (LOGITS.double()[:, None] * x).exp()
    total = weights.mean(1)
    mean = (weights * x).mean(1) / total
    variance = (weights * (x - mean[:, None]).square()).mean(1) / total
    p = ContinuousBernoulliDistribution(LOGITS)
    torch.testing.assert_close(p.log_normaliser.double(), total.log(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(p.mean.double(), mean, rtol=2e-6, atol=0)
    torch.testing.assert_close(p.variance.double(), variance, rtol=2e-5, atol=0)


def test_the_inverse_of_the_distribution_function_is_exact_from_end_to_end():
    uniform = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    logits = LOGITS.double()
    x = ContinuousBernoulliDistribution(logits).icdf(uniform)
    for index, a in enumerate(logits):
        found = x[:, index] if a == 0 else torch.expm1(a * x[:, index]) / torch.expm1(a)
        torch.testing.assert_close(found, uniform[:, 0], rtol=1e-6, atol=1e-7)
    assert x.min() == 0
    assert x.max() == 1


def test_draws_carry_gradients():
    logits = torch.tensor([0.0, 3.0], requires_grad=True)
    torch.manual_seed(0)
    ContinuousBernoulliDistribution(logits).rsample((100_000,)).mean(0).sum().backward()
    # The derivative of the mean in the logit is the variance.
    expected = ContinuousBernoulliDistribution(logits.detach()).variance
    torch.testing.assert_close(logits.grad, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_put_all_mass_at_an_end(logit):
    p = ContinuousBernoulliDistribution(torch.tensor(logit))
    assert p.mean.item() == pytest.approx(float(logit > 0), abs=2e-4)
    assert p.sample((100,)).isfinite().all()


@pytest.mark.parametrize("logit", [-0.49, -0.3, 0.1, 0.3, 0.49])
def test_the_series_near_zero_are_exact_to_nine_digits(logit):
    a = torch.tensor(logit, dtype=torch.float64)
    p, one = ContinuousBernoulliDistribution(a), 1 + 1 / torch.expm1(a)
    assert p.log_normaliser.item() == pytest.approx((torch.expm1(a) / a).log().item(), abs=1e-9)
    assert p.mean.item() == pytest.approx((one - 1 / a).item(), abs=1e-8)
    assert p.variance.item() == pytest.approx((1 / a**2 - one * (one - 1)).item(), abs=1.2e-9)


@pytest.mark.parametrize("logit", [-9e-4, 9e-4, 1.1e-3])
def test_draws_are_exact_where_the_density_is_nearly_even(logit):
    a, u = torch.tensor(logit, dtype=torch.float64), torch.linspace(0, 1, 11, dtype=torch.float64)
    found = ContinuousBernoulliDistribution(a.expand(11)).icdf(u)
    torch.testing.assert_close(found, (u * torch.expm1(a)).log1p() / a, rtol=0, atol=1e-7)
