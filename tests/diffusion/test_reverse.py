"""The way back: which steps are visited, and what each of them draws."""

import pytest
import torch

from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.reverse import reverse_chain, visited_steps
from zoo.diffusion.schedules import noise_schedule
from zoo.errors import InputError

STEPS = 6


@pytest.fixture
def chain() -> NoiseChain:
    return NoiseChain(noise_schedule("linear", STEPS, beta_start=0.05, beta_end=0.6))


@pytest.mark.parametrize(
    ("total", "steps", "visited"),
    [
        (3, None, [3, 2, 1, 0]),
        (3, 3, [3, 2, 1, 0]),
        (7, 1, [7, 0]),
        (7, 2, [7, 1, 0]),
        (7, 3, [7, 4, 1, 0]),
        (100, 4, [100, 67, 34, 1, 0]),
    ],
)
def test_visited_steps_are_evenly_spread_from_the_last_to_the_first(total, steps, visited):
    assert visited_steps(total, steps) == visited


@pytest.mark.parametrize("steps", [0, -1, 8, 2.0])
def test_a_number_of_steps_that_the_chain_does_not_have_is_refused(steps):
    with pytest.raises(InputError, match=f"expected a whole number from 1 to 7, got {steps}") as refusal:
        visited_steps(7, steps)
    assert refusal.value.where == "sample.steps"


@pytest.mark.parametrize("visited", [[6, 5, 4, 3, 2, 1, 0], [6, 3, 1, 0], [6, 0]])
@pytest.mark.parametrize("last_noise", [False, True])
def test_data_that_are_noise_stay_noise_of_variance_one(chain, visited, last_noise):
    # With x_0 ~ N(0, I), E[x_0|x_t] = √ᾱ_t x_t and x_s|x_t ~ N(√(ᾱ_t/ᾱ_s) x_t, 1 − ᾱ_t/ᾱ_s).
    noise = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    seen = []

    def denoise(x, t):
        seen.append(t)
        return chain.signal[t] * x

    torch.manual_seed(1)
    found = list(reverse_chain(chain, denoise, noise, visited, last_noise=last_noise))
    torch.manual_seed(1)
    x = noise
    for now, then, after in zip(visited, visited[1:], found, strict=False):
        share = (chain.alpha_bars[now] / chain.alpha_bars[then]).float()
        x = share.sqrt() * x
        if then > 0 or last_noise:
            x = x + (1 - share).sqrt() * torch.randn(5, 2)
        torch.testing.assert_close(after, x)
    assert len(found) == len(seen) == len(visited) - 1
    assert seen == visited[:-1]


def test_without_noise_the_sample_keeps_the_noise_that_it_began_with(chain):
    x0, noise = torch.tensor([2.0, -1.0]), torch.randn(4, 2)
    begin = chain.signal[STEPS] * x0 + chain.spread[STEPS] * noise
    before = torch.get_rng_state()
    found = list(reverse_chain(chain, lambda x, t: x0.expand_as(x), begin, [6, 4, 1, 0], method="ddim"))
    for then, x in zip([4, 1, 0], found, strict=True):
        torch.testing.assert_close(x, chain.signal[then] * x0 + chain.spread[then] * noise)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("variance", ["beta", "posterior"])
def test_the_variance_is_that_of_the_step(chain, variance):
    torch.manual_seed(0)
    first = next(
        reverse_chain(chain, lambda x, t: torch.zeros_like(x), torch.zeros(50_000), [6, 4, 0], variance=variance)
    )
    deviation = chain.step_back(6, 4, variance).deviation
    assert first.std().item() == pytest.approx(deviation, rel=0.02)
    assert abs(chain.step_back(6, 4, "beta").deviation / chain.step_back(6, 4, "posterior").deviation - 1) > 0.05
