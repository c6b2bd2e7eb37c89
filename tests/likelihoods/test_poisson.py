"""The Poisson likelihood, and what likelihoods of counts share."""

import math

import pytest
import torch

from zoo.likelihoods._counting import stirling_error
from zoo.likelihoods.poisson import Poisson, PoissonCounts


@pytest.mark.parametrize("rate", [1e-3, 0.5, 3.0, 40.0])
def test_the_probabilities_are_those_of_torch_in_float64(rate):
    x = torch.tensor([0.0, 1.0, 2.0, 9.0, 10.0, 11.0, 60.0])
    expected = torch.distributions.Poisson(torch.tensor(rate, dtype=torch.float64)).log_prob(x.double())
    found = PoissonCounts(torch.tensor(rate).log().expand(7)).log_prob(x)
    torch.testing.assert_close(found.double(), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("count", [1e3, 1e5, 1e6])
@pytest.mark.parametrize("ratio", [0.5, 0.999, 1.0, 1.01, 3.0])
def test_large_counts_keep_their_digits_in_float32(count, ratio):
    """x log μ − μ − log x! in float32 is off by a nat at 10⁶."""
    rate = torch.tensor(count * ratio)
    expected = torch.distributions.Poisson(rate.double()).log_prob(torch.tensor(count, dtype=torch.float64))
    found = PoissonCounts(rate.log()[None]).log_prob(torch.tensor([count]))
    torch.testing.assert_close(found.double()[0], expected, rtol=1e-4, atol=2e-3)


def test_the_size_is_the_mean_at_zero():
    p = Poisson(data_shape=(3,), size=50.0)(torch.zeros(2, 3))
    torch.testing.assert_close(p.mean, torch.full((2, 3), 50.0))


def test_counts_given_their_total_are_multinomial():
    """Poisson(x; l·π) = Poisson(l; l) · Multinomial(x; l, π), so the shares alone are modelled."""
    torch.manual_seed(0)
    likelihood, raw = Poisson(data_shape=(4,), library="observed"), torch.randn(3, 4)
    x = torch.tensor([[3.0, 0.0, 5.0, 1.0], [0.0, 0.0, 1.0, 0.0], [200.0, 50.0, 3.0, 7.0]])
    total = x.sum(1)
    multinomial = torch.stack(
        [
            torch.distributions.Multinomial(int(n), logits=row).log_prob(each)
            for n, row, each in zip(total, raw, x, strict=True)
        ]
    )
    expected = multinomial + torch.distributions.Poisson(total).log_prob(total)
    torch.testing.assert_close(likelihood(raw).log_prob(x), expected, rtol=1e-4, atol=1e-4)


def test_a_mask_takes_the_total_and_the_shares_of_the_observed_values():
    likelihood, raw = Poisson(data_shape=(4,), library="observed"), torch.randn(1, 4)
    x, mask = torch.tensor([[3.0, 9.0, 5.0, 1.0]]), torch.tensor([[True, False, True, True]])
    smaller = Poisson(data_shape=(3,), library="observed")(raw[:, [0, 2, 3]])
    expected = smaller.log_prob(x[:, [0, 2, 3]])
    torch.testing.assert_close(likelihood.log_prob(likelihood(raw), x, mask), expected)


def test_an_empty_example_given_its_total_has_probability_one_and_a_finite_gradient():
    raw = torch.randn(2, 4, requires_grad=True)
    log_prob = Poisson(data_shape=(4,), library="observed")(raw).log_prob(torch.zeros(2, 4))
    torch.testing.assert_close(log_prob.detach(), torch.zeros(2), rtol=0, atol=1e-6)
    log_prob.sum().backward()
    assert raw.grad.isfinite().all()


def test_images_may_be_counts_given_their_total():
    likelihood = Poisson(data_shape=(1, 3, 4), library="observed", size=2.0)
    p = likelihood(torch.randn(5, 2, 1, 3, 4))
    torch.testing.assert_close(p.mean.sum((-3, -2, -1)), torch.full((5, 2), 24.0))


def test_the_error_of_stirlings_formula():
    n = torch.tensor([1e-3, 0.5, 1.0, 9.9, 10.1, 100.0, 1e6])
    exact = n.double()
    expected = (exact + 1).lgamma() - (exact + 0.5) * exact.log() + exact - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(stirling_error(n).double(), expected, rtol=1e-5, atol=3e-6)
    torch.testing.assert_close(stirling_error(exact), expected, rtol=0, atol=2e-9)


@pytest.mark.parametrize("n", [0.1, 1.0, 9.99, 10.0, 10.01, 10.5, 11.0, 20.0, 1e3])
def test_the_error_of_stirlings_formula_is_exact_to_twelve_digits_on_both_sides_of_ten(n):
    expected = math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
    assert stirling_error(torch.tensor(n, dtype=torch.float64)).item() == pytest.approx(expected, abs=1.5e-12)


@pytest.mark.parametrize("mask", [None, torch.tensor([[True, False, True, True], [False] * 4, [True] * 4])])
def test_maps_given_their_total_are_the_same_counts_in_a_row(mask):
    generator = torch.Generator().manual_seed(0)
    raw, x = torch.randn(3, 4, generator=generator), torch.randint(0, 9, (3, 4), generator=generator).float()
    row, maps = (Poisson(data_shape=shape, library="observed", size=2.0) for shape in ((4,), (2, 2, 1)))
    shaped = None if mask is None else mask.reshape(3, 2, 2, 1)
    p = maps(raw.reshape(3, 2, 2, 1))
    found = maps.log_prob(p, x.reshape(3, 2, 2, 1), shaped)
    torch.testing.assert_close(found, row.log_prob(row(raw), x, mask))
    torch.testing.assert_close(p.mean.flatten(1), row(raw).mean)
