"""Four predictions, one estimate: the linear relations between x_{t−1}, x_0, ε and v given x_t."""

from typing import get_args

import pytest
import torch

from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.parameterisations import Parameterisation, Quantity
from zoo.diffusion.schedules import noise_schedule

QUANTITIES = get_args(Quantity)
CHAINS = {
    "linear": NoiseChain(noise_schedule("linear", 100, beta_start=0.001, beta_end=0.1)),
    "cosine": NoiseChain(noise_schedule("cosine", 50)),
    "single": NoiseChain(torch.tensor([0.3], dtype=torch.float64)),
}
every_chain = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
every_quantity = pytest.mark.parametrize("quantity", QUANTITIES)


def some(chain: NoiseChain) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return x_0, ε, x_t and t for every step."""
    torch.manual_seed(0)
    times = torch.arange(1, chain.steps + 1)
    x0, noise = torch.randn(chain.steps, 1, 4, 4), torch.randn(chain.steps, 1, 4, 4)
    shape = (-1, 1, 1, 1)
    return x0, noise, chain.signal[times].view(shape) * x0 + chain.spread[times].view(shape) * noise, times


@every_chain
def test_outputs_are_what_their_names_say(chain):
    x0, noise, state, times = some(chain)
    signal, spread = chain.signal[times].view(-1, 1, 1, 1), chain.spread[times].view(-1, 1, 1, 1)
    tolerance = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(Parameterisation(chain, "clean").output(state, x0, times), x0)
    torch.testing.assert_close(Parameterisation(chain, "noise").output(state, x0, times), noise, **tolerance)
    v = signal * noise - spread * x0
    torch.testing.assert_close(Parameterisation(chain, "v").output(state, x0, times), v, **tolerance)
    mean = torch.stack(
        [
            chain.step_back(t, t - 1).clean_weight * x + chain.step_back(t, t - 1).state_weight * y
            for t, x, y in zip(times.tolist(), x0, state, strict=True)
        ]
    )
    torch.testing.assert_close(Parameterisation(chain, "previous").output(state, x0, times), mean, **tolerance)


@every_chain
@every_quantity
def test_all_parameterisations_give_the_same_estimate_for_the_same_prediction(chain, quantity):
    x0, _, state, times = some(chain)
    clean, other = Parameterisation(chain, "clean"), Parameterisation(chain, quantity)
    output = other.output(state, x0, times)
    torch.testing.assert_close(
        other.previous(state, output, times), clean.previous(state, x0, times), rtol=1e-4, atol=1e-4
    )


@every_chain
@every_quantity
def test_the_clean_estimate_undoes_the_output(chain, quantity):
    x0, _, state, times = some(chain)
    prediction = Parameterisation(chain, quantity)
    # Where next to no data are left in the state, a rounding error of the output counts 1 / signal times.
    error = (prediction.clean(state, prediction.output(state, x0, times), times) - x0).abs().amax((1, 2, 3))
    weights = torch.tensor([chain.step_back(t, t - 1).clean_weight for t in times.tolist()])
    assert (error < 1e-5 / torch.minimum(weights, chain.signal[times])).all()


@every_chain
def test_at_the_first_step_the_previous_state_is_the_data(chain):
    state, output = torch.randn(5, 2), torch.randn(5, 2)
    times = torch.ones(5, dtype=torch.long)
    for quantity in ("previous", "clean"):
        prediction = Parameterisation(chain, quantity)
        torch.testing.assert_close(prediction.previous(state, output, times), output, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(prediction.clean(state, output, times), output, rtol=1e-5, atol=1e-5)


@every_chain
def test_the_tables_hold_the_weights_of_a_step_back(chain):
    """With output x_0 itself, s is the mean of x_{t−1} given x_t and x_0, step by step."""
    table = Parameterisation(chain, "clean").tables
    steps = [chain.step_back(t, t - 1) for t in range(1, chain.steps + 1)]
    torch.testing.assert_close(table[0, 1:], torch.tensor([step.state_weight for step in steps]))
    torch.testing.assert_close(table[1, 1:], torch.tensor([step.clean_weight for step in steps]))
