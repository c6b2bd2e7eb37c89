"""The mixture of posteriors: what follows if its pseudo-inputs are the data."""

from __future__ import annotations

import math

import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.errors import ComponentError
from zoo.model import Model


def make(components: int, **overrides: object) -> Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), prior={"name": "vamp", "components": components}, **overrides)


def with_inputs(model: Model, x: torch.Tensor) -> Model:
    with torch.no_grad():
        model.latent_prior.raw_inputs.copy_(torch.logit(x, eps=1e-6))
    return model


def test_one_component_is_the_posterior_of_its_input() -> None:
    x, z = torch.rand(1, 1, 4, 4), torch.randn(7, 2)
    model = with_inputs(make(1), x)
    torch.testing.assert_close(model.prior.log_prob(z), model.encode(x).log_prob(z[:, None])[:, 0])


def test_with_all_data_as_inputs_the_mean_divergence_is_the_mutual_information() -> None:
    """E KL(q(z|x) ‖ q(z)) = I(x; z) ≤ log N; far-apart posteriors reach it."""
    x = torch.eye(8).reshape(8, 1, 2, 4).repeat_interleave(2, 2)
    model = with_inputs(make(8, encoder={"widths": [16]}), x)
    near = model.inference(x).draw(2000).kl().mean().item()
    assert 0 < near < math.log(8)
    with torch.no_grad():
        model.posterior.head.weight[:2].mul_(1e4)
    far = model.inference(x).draw(200).kl().mean().item()
    assert far == pytest.approx(math.log(8), abs=1e-3)


def test_an_encoder_that_ignores_its_input_pays_nothing() -> None:
    model = make(5)
    torch.nn.init.zeros_(model.posterior.head.weight)
    x = torch.rand(6, 1, 4, 4)
    assert model.inference(x).draw(3).kl().abs().max() < 1e-5


def test_draws_come_from_the_density() -> None:
    model = linear_gaussian.randomise(linear_gaussian.build("diagonal_gaussian", {"name": "vamp", "components": 3}))
    points, log_area = linear_gaussian.latent_grid(model)
    with torch.no_grad():
        mass = (model.prior.log_prob(points) + log_area).exp()
        torch.manual_seed(0)
        draws = model.prior.sample(torch.Size([40_000]))
    mean = (mass[:, None] * points).sum(0)
    covariance = (mass[:, None, None] * (points - mean)[:, :, None] * (points - mean)[:, None]).sum(0)
    assert mass.sum().item() == pytest.approx(1, abs=1e-3)
    assert torch.allclose(draws.mean(0), mean, atol=0.05)
    assert torch.allclose(torch.cov(draws.T), covariance, rtol=0.05, atol=0.05)


def test_pseudo_inputs_stay_in_the_range_of_the_data_and_are_learned() -> None:
    model = make(5).train()
    inputs = model.latent_prior.pseudo_inputs
    assert inputs.min() >= 0
    assert inputs.max() <= 1
    model.loss(torch.rand(6, 1, 4, 4)).total.backward()
    assert model.latent_prior.raw_inputs.grad.abs().sum() > 0


def test_a_conditional_model_gives_each_pseudo_input_a_label() -> None:
    model = make(5, classes=3)
    labels = torch.tensor([0, 1, 2, 0])
    assert model.inference(torch.rand(4, 1, 4, 4), labels).draw().kl().isfinite().all()
    assert model.sample(4, labels).shape == (4, 1, 4, 4)


def test_a_posterior_without_a_density_everywhere_is_refused() -> None:
    with pytest.raises(ComponentError, match="evaluates q"):
        zoo.build("ae-mlp-2d", fitted_prior="vamp")


def test_it_works_with_a_posterior_that_is_a_flow() -> None:
    model = make(4, posterior={"name": "autoregressive_flow"}).train()
    loss, terms = model.loss(torch.rand(6, 1, 4, 4))
    loss.backward()
    assert terms["kl"].isfinite()
    assert model.eval().sample(3).shape == (3, 1, 4, 4)
