"""Rate and squared error of each latent of a linear β-VAE, and of one with a capacity, against water-filling."""

from __future__ import annotations

import math

import pytest
import torch

from tests import water_filling
from tests.water_filling import NOISE, VARIANCES


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_a_latent_is_active_where_the_variance_exceeds_the_weighted_noise(beta: float) -> None:
    """The water level of a β-VAE is βσ²: collapse, rate and squared error of every latent follow from it."""
    rates, errors = water_filling.rates_and_errors(water_filling.trained(beta=beta))
    torch.testing.assert_close(rates, water_filling.rates(beta * NOISE), atol=0.015, rtol=0)
    torch.testing.assert_close(errors, water_filling.errors(beta * NOISE), atol=0.03, rtol=0)


def test_the_published_numbers_of_one_latent() -> None:
    """λ = 3, σ² = ½, β = 2: rate ½ log 3, squared error 1."""
    assert water_filling.rates(1.0)[0].item() == pytest.approx(0.549306, abs=1e-6)
    assert water_filling.errors(1.0)[0].item() == 1.0


@pytest.mark.slow
def test_a_capacity_is_spent_where_it_lowers_the_error_most() -> None:
    """Where γ exceeds θ/σ², the rate is C in all, and the level θ is that at which the rates add up to C."""
    capacity = 1.0
    level = math.exp(0.5 * math.log(VARIANCES[:2].prod().item()) - capacity)
    assert water_filling.rates(level).sum().item() == pytest.approx(capacity)
    rates, errors = water_filling.rates_and_errors(water_filling.trained(beta=5.0, capacity=capacity))
    assert rates.sum().item() == pytest.approx(capacity, abs=0.02)
    torch.testing.assert_close(rates, water_filling.rates(level), atol=0.03, rtol=0)
    torch.testing.assert_close(errors, water_filling.errors(level), atol=0.05, rtol=0)
