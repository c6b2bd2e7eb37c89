"""What objectives share: how draws become examples, how losses add up, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal

import zoo
from tests import linear_gaussian
from zoo.errors import ComponentError
from zoo.model import Model


def make(objective: str, posterior: object, **parts: object) -> Model:
    linear_gaussian.register_components()
    torch.manual_seed(0)
    return zoo.build(
        {
            "objective": objective,
            "data_shape": [3],
            "latent_dim": 2,
            "encoder": "identity",
            "posterior": posterior,
            "decoder": "linear_gaussian",
            "likelihood": "gaussian",
            **parts,
        }
    )


def test_losses_of_the_posterior_are_added_with_their_mean_over_examples() -> None:
    x, losses = linear_gaussian.data(6), []
    for weight in (0.7, 0.0):
        model = make("autoencoder", {"name": "jump_relu", "l0_penalty": weight}).train()
        losses.append(model.loss(x))
        own = model.posterior.losses(model.inference(x).draw(1).q)
        assert own
        for name, values in own.items():
            assert values.shape == (6,)
            torch.testing.assert_close(losses[-1].terms[name], values.mean())
    more = sum(losses[0].terms[name] - losses[1].terms[name] for name in own)
    torch.testing.assert_close(losses[0].total - losses[1].total, more)
    assert more > 0


def test_an_objective_without_densities_weighs_no_draws() -> None:
    assert make("autoencoder", "point").objective.uses_densities_of_draws is False


@pytest.mark.parametrize("batch", [(), (4,)])
def test_samples_are_the_decoded_draws_of_the_latents_that_are_given(batch: tuple[int, ...]) -> None:
    model = linear_gaussian.build("diagonal_gaussian").eval()
    mean = torch.arange(2.0 * (4 if batch else 1)).view(*batch, 2)
    latents = Independent(Normal(mean, 1e-6), 1)
    found = model.objective.sample(model, 4, latents=latents)
    torch.testing.assert_close(found, model.decode(mean.expand(4, 2)).mean, rtol=0, atol=1e-4)


@pytest.mark.parametrize("objective", ["vae", "iwae"])
def test_a_posterior_without_a_density_is_refused_with_its_name(objective: str) -> None:
    with pytest.raises(ComponentError, match=rf"objective '{objective}' and posterior 'point' cannot work together"):
        make(objective, "point", prior="standard_gaussian")
