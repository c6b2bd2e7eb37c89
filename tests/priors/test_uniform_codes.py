"""The uniform prior over codes: its nats, its samples, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch

import zoo
from zoo.errors import ComponentError


def test_it_gives_every_grid_the_same_probability() -> None:
    model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 5})
    prior = model.prior
    assert (prior.batch_shape, prior.event_shape) == ((), (16, 2, 2))
    z = prior.sample((1000,))
    torch.testing.assert_close(prior.log_prob(z), torch.full((1000,), -4 * math.log(5)))
    used = torch.bincount(model.posterior.indices(z).flatten(), minlength=5) / 4000
    torch.testing.assert_close(used, torch.full((5,), 0.2), atol=0.03, rtol=0)
    assert not list(model.latent_prior.parameters())


def test_it_serves_the_objective_autoencoder_too() -> None:
    model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), objective="autoencoder", posterior={"codes": 5})
    loss = model.train().loss(torch.rand(9, 1, 8, 8))
    torch.testing.assert_close(loss.total.detach(), loss.terms["squared_error"] + loss.terms["commitment"])


def test_a_posterior_without_codes_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"over discrete codes, but the posterior 'diagonal_gaussian' has none"):
        zoo.build("vae-mlp-2d", prior="uniform_codes")
