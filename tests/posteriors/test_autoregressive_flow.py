"""The inverse autoregressive flow: what it reaches, and what it begins as."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.nn.flows.elementwise import Gate
from zoo.nn.flows.masked import Autoregressive
from zoo.posteriors.autoregressive_flow import AutoregressiveFlow
from zoo.posteriors.diagonal_gaussian import DiagonalGaussian

LINEAR = {"name": "autoregressive_flow", "steps": 1, "widths": []}


@pytest.mark.parametrize("update", ["gate", "scale"])
def test_one_linear_step_reaches_the_true_posterior_of_the_linear_gaussian_model(update: str) -> None:
    x = linear_gaussian.data(128)
    model = linear_gaussian.build({**LINEAR, "update": update}, num_samples=32)
    linear_gaussian.fit(model, x)
    assert linear_gaussian.gap(model, x) == pytest.approx(0.0, abs=0.01)


def test_without_that_step_the_gap_is_that_of_the_diagonal_posterior() -> None:
    x = linear_gaussian.data(128)
    model = linear_gaussian.build(LINEAR, num_samples=16)
    model.posterior.steps.requires_grad_(False)
    linear_gaussian.fit(model, x)
    assert linear_gaussian.gap(model, x) == pytest.approx(0.318, abs=0.02)


@pytest.mark.parametrize("update", ["gate", "scale"])
def test_training_begins_with_the_diagonal_posterior(update: Literal["gate", "scale"]) -> None:
    """That of the same head: as it is, or with both open gates multiplying it."""
    flow = AutoregressiveFlow(features=8, latent_dim=5, update=update)
    diagonal = DiagonalGaussian(features=8, latent_dim=5)
    diagonal.load_state_dict({name: flow.state_dict()[name] for name in diagonal.state_dict()})
    slope = 1.0 if update == "scale" else Gate()(torch.zeros(()), torch.zeros(2))[1].exp().item() ** 2
    h, z = torch.randn(4, 8), torch.randn(4, 5)
    torch.testing.assert_close(flow(h).log_prob(slope * z) + 5 * math.log(slope), diagonal(h).log_prob(z))
    torch.testing.assert_close(flow(h).mean, slope * diagonal(h).mean)


def test_the_shape_of_the_density_depends_on_the_features() -> None:
    """A flow without context has the correlations of one Gaussian for every x; here they are each example's own."""
    torch.manual_seed(0)
    posterior = AutoregressiveFlow(features=8, latent_dim=2, steps=1)
    torch.nn.init.normal_(posterior.steps[0].network.output.weight, std=0.5)
    z = posterior(torch.randn(6, 8)).sample((5000,))
    correlations = torch.stack([torch.corrcoef(draws.T)[0, 1] for draws in z.unbind(1)])
    assert correlations.std() > 0.1


def test_the_order_is_reversed_from_step_to_step() -> None:
    posterior = AutoregressiveFlow(features=8, latent_dim=4, steps=3)
    assert [step.network.order for step in posterior.steps] == [[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3]]


def test_training_and_the_likelihood_estimate_never_invert(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a draw was inverted")

    monkeypatch.setattr(Autoregressive, "inverse", refuse)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), posterior="autoregressive_flow", objective={"num_samples": 3})
    x = torch.rand(4, 1, 8, 8)
    model.loss(x).total.backward()
    assert model.log_likelihood(x, num_samples=5).isfinite().all()
    with pytest.raises(AssertionError, match="inverted"):
        model.encode(x).log_prob(torch.zeros(4, 2))


def test_one_latent_is_a_gaussian_whose_scale_and_mean_the_features_choose() -> None:
    posterior = AutoregressiveFlow(features=8, latent_dim=1)
    for step in posterior.steps:
        torch.nn.init.normal_(step.network.output.weight)
    q = posterior(torch.randn(5, 8))
    z, log_q = q.rsample_and_log_prob((20_000,))
    normal = torch.distributions.Normal(z.mean(0), z.std(0))
    assert (normal.log_prob(z).sum(-1) - log_q).abs().mean() < 0.02
