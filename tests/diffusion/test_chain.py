"""The forward chain has the moments that it states, and a step back is Bayes' rule."""

import math

import pytest
import torch

from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.schedules import noise_schedule
from zoo.errors import InputError

STEPS = 8


@pytest.fixture
def chain() -> NoiseChain:
    return NoiseChain(noise_schedule("linear", STEPS, beta_start=0.05, beta_end=0.4))


def test_walking_the_chain_step_by_step_gives_the_moments_of_the_leap(chain):
    torch.manual_seed(0)
    count, x0 = 200_000, torch.tensor([1.5, -0.5])
    x = x0.expand(count, 2)
    for t in range(1, STEPS + 1):
        beta = chain.betas[t - 1].float()
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(count, 2)
        leap = chain.draw(x0.expand(count, 2), torch.full((count,), t))
        mean, variance = chain.alpha_bars[t].sqrt() * x0, chain.noise_shares[t].item()
        for found in (x, leap):
            assert ((found.mean(0) - mean).abs() < 4.5 * math.sqrt(variance / count)).all()
            assert ((found.var(0) - variance).abs() < 4.5 * variance * math.sqrt(2 / count)).all()


def test_a_pair_has_the_joint_moments_of_neighbouring_steps(chain):
    torch.manual_seed(0)
    count, x0 = 200_000, torch.tensor([[1.0], [-2.0]])
    for t in (1, 4, STEPS):
        before, after = chain.draw_pair(x0[0].expand(count, 1), torch.full((count,), t))
        beta = chain.betas[t - 1].item()
        residual = after - math.sqrt(1 - beta) * before
        assert abs(residual.mean()) < 4.5 * math.sqrt(beta / count)
        assert abs(residual.var() - beta) < 4.5 * beta * math.sqrt(2 / count)
        scale = max(before.std().item(), 1e-9)
        assert abs((residual * (before - before.mean())).mean()) < 5 * math.sqrt(beta / count) * scale + 1e-9
    assert torch.equal(chain.draw_pair(x0, torch.tensor([1, 1]))[0], x0)


@pytest.mark.parametrize(("now", "then"), [(1, 0), (4, 3), (8, 7), (8, 3), (5, 0)])
def test_a_step_back_is_the_product_of_two_gaussians(chain, now, then):
    # N(x_s; √ᾱ_s x_0, 1 − ᾱ_s) N(x_t; √ᾱ_{t|s} x_s, β_{t|s}), normalised over x_s: precisions add.
    leap = chain.alpha_bars[now] / chain.alpha_bars[then]
    step = chain.step_back(now, then, "posterior")
    if then == 0:
        assert step == pytest.approx((1.0, 0.0, 0.0), abs=1e-9)
        return
    precision = 1 / chain.noise_shares[then] + leap / (1 - leap)
    assert step.deviation**2 == pytest.approx(float(1 / precision))
    assert step.clean_weight == pytest.approx(
        float(chain.alpha_bars[then].sqrt() / chain.noise_shares[then] / precision)
    )
    assert step.state_weight == pytest.approx(float(leap.sqrt() / (1 - leap) / precision))
    larger = chain.step_back(now, then, "beta")
    assert larger[:2] == step[:2]
    assert larger.deviation**2 == pytest.approx(float(1 - leap))


@pytest.mark.parametrize(("now", "then"), [(1, 0), (4, 3), (8, 2), (8, 0)])
def test_a_step_without_noise_keeps_the_noise_that_is_there(chain, now, then):
    x0, noise = torch.randn(5, 3), torch.randn(5, 3)
    state = chain.signal[now] * x0 + chain.spread[now] * noise
    clean, kept, deviation = chain.step_back(now, then, None)
    torch.testing.assert_close(clean * x0 + kept * state, chain.signal[then] * x0 + chain.spread[then] * noise)
    assert deviation == 0


def test_random_times_are_uniform_each_and_even_together(chain):
    torch.manual_seed(0)
    times = torch.stack([chain.random_times(16, torch.device("cpu")) for _ in range(4000)])
    assert times.min() == 1
    assert times.max() == STEPS
    # Together: sixteen times over eight steps are two of each.
    assert (torch.stack([(times == t).sum(1) for t in range(1, STEPS + 1)]) == 2).float().mean() > 0.99
    for place in (0, 7, 15):
        counts = torch.bincount(times[:, place] - 1, minlength=STEPS).double()
        expected = 4000 / STEPS
        assert ((counts - expected).square() / expected).sum() < 24.3  # χ² with 7 degrees of freedom, p = 0.001


def test_the_coefficients_keep_their_digits_where_hardly_any_noise_is_added():
    chain = NoiseChain(torch.full((1000,), 1e-12, dtype=torch.float64))
    assert chain.noise_shares[3].item() == pytest.approx(3e-12, rel=1e-10)
    assert chain.spread[1].item() == pytest.approx(1e-6, rel=1e-6)


def test_the_chain_adds_nothing_to_a_checkpoint(chain):
    assert chain.state_dict() == {}


@pytest.mark.parametrize("times", [torch.tensor([0, 1]), torch.tensor([1, 9]), torch.tensor([1]), torch.ones(2)])
def test_times_outside_the_chain_are_refused(chain, times):
    with pytest.raises(InputError, match="times"):
        chain.check_times(times, 2)


def test_times_of_the_chain_and_of_no_examples_are_taken(chain):
    chain.check_times(torch.tensor([1, STEPS]), 2)
    chain.check_times(torch.zeros(0, dtype=torch.long), 0)


@pytest.mark.parametrize("steps", [1, 3, 1000, 2**20 + 1])
def test_the_largest_random_number_below_one_is_the_last_step(steps, monkeypatch):
    chain = NoiseChain(torch.full((1,), 0.5, dtype=torch.float64))
    chain.steps = steps
    monkeypatch.setattr(torch, "rand", lambda *shape, device: torch.tensor(1 - 2**-24))
    assert chain.random_times(1, torch.device("cpu")).tolist() == [steps]
