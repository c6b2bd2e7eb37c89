"""Noise schedules: their formulas, and what is refused."""

import math

import pytest
import torch

from zoo.diffusion.schedules import noise_schedule
from zoo.errors import ComponentError


def test_linear_without_bounds_is_the_usual_schedule_at_a_thousand_steps():
    betas = noise_schedule("linear", 1000)
    torch.testing.assert_close(betas, torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))


@pytest.mark.parametrize("steps", [50, 100, 400, 1000])
def test_linear_without_bounds_ends_in_noise_for_any_number_of_steps(steps):
    signal = (1 - noise_schedule("linear", steps)).prod()
    assert signal < 1e-4


def test_cosine_lets_the_signal_fall_like_a_cosine():
    steps = 100
    signal = (1 - noise_schedule("cosine", steps)).cumprod(0)
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    for t in (1, 30, 70, 90):
        assert signal[t - 1] == pytest.approx(math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2 / start)


@pytest.mark.parametrize("name", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
def test_every_variance_lies_between_0_and_1_and_none_falls(name, steps):
    betas = noise_schedule(name, steps)
    assert betas.shape == (steps,)
    assert betas.dtype == torch.float64
    assert ((betas > 0) & (betas < 1)).all()
    assert (betas.diff() >= 0).all()


def test_explicit_is_what_it_is_given():
    assert noise_schedule("explicit", 3, betas=[0.5, 0.1, 0.2]).tolist() == [0.5, 0.1, 0.2]


@pytest.mark.parametrize(
    ("name", "steps", "options", "where"),
    [
        ("linear", 0, {}, "steps"),
        ("cosine", -3, {}, "steps"),
        ("linear", 10, {"beta_start": 0.0}, "beta_start"),
        ("linear", 10, {"beta_start": -0.1}, "beta_start"),
        ("linear", 10, {"beta_end": 1.0}, "beta_end"),
        ("linear", 10, {"beta_end": float("nan")}, "beta_end"),
        ("explicit", 2, {"betas": [0.1, 1.5]}, "betas[1]"),
        ("explicit", 2, {"betas": [0.1]}, "betas"),
        ("explicit", 2, {}, "betas"),
        ("cosine", 10, {"beta_start": 0.1}, "beta_start"),
        ("linear", 2, {"betas": [0.1, 0.2]}, "betas"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_option(name, steps, options, where):
    with pytest.raises(ComponentError) as refusal:
        noise_schedule(name, steps, **options)
    assert refusal.value.where == where
