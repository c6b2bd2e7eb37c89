"""FactorVAE's critic on Gaussian latents, whose total correlation is known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import zoo
from tests.minimise import minimise
from zoo.model import Model
from zoo.regularisers.total_correlation_critic import TotalCorrelationCritic, shuffle_dimensions
from zoo.spec.training import TurnSpec

COVARIANCE = torch.tensor([[1.0, 0.7], [0.7, 1.5]])
TOTAL_CORRELATION = 0.5 * (COVARIANCE.diagonal().log().sum() - torch.logdet(COVARIANCE))


def latents(n: int) -> torch.Tensor:
    return torch.randn(n, 2) @ torch.linalg.cholesky(COVARIANCE).T


def test_shuffling_keeps_every_marginal_and_breaks_the_correlation() -> None:
    torch.manual_seed(0)
    z = latents(5000)
    shuffled = shuffle_dimensions(z)
    assert torch.equal(shuffled.sort(0).values, z.sort(0).values)
    assert torch.corrcoef(shuffled.T)[0, 1].abs() < 0.05 < torch.corrcoef(z.T)[0, 1]


@pytest.fixture(scope="module")
def trained() -> TotalCorrelationCritic:
    torch.manual_seed(0)
    regulariser = TotalCorrelationCritic(latent_dim=2, width=32, depth=2)
    drawn = [latents(10_000), shuffle_dimensions(latents(10_000))]
    minimise(lambda: regulariser.critic(*drawn), regulariser.critic.parameters(), iterations=30)
    return regulariser


def test_the_trained_critic_estimates_the_total_correlation(trained: TotalCorrelationCritic) -> None:
    with torch.no_grad():
        estimate = trained(SimpleNamespace(z=latents(20_000)[None]))
    assert estimate.item() == pytest.approx(TOTAL_CORRELATION.item(), abs=0.06)


def test_the_best_critic_of_gaussian_latents_is_a_quadratic_form(trained: TotalCorrelationCritic) -> None:
    """Its logit is ½ zᵀ (diag(Σ)⁻¹ − Σ⁻¹) z + TC at each z."""
    z = latents(4000)
    form = torch.diag(1 / COVARIANCE.diagonal()) - COVARIANCE.inverse()
    best = 0.5 * torch.einsum("bi, ij, bj -> b", z, form, z) + TOTAL_CORRELATION
    with torch.no_grad():
        error = trained.critic.logits(z) - best
    assert error.square().mean() < 0.1 * best.var()


def test_the_defaults_are_those_of_the_reference_implementation() -> None:
    model = zoo.build("vae-mlp-2d", latent_dim=10, regularisers={"tc": "total_correlation_critic"})
    critic = model.adversaries()["tc"]
    layers = [(block.layer.in_features, block.layer.out_features, str(block.activation)) for block in critic.hidden]
    slope = "LeakyReLU(negative_slope=0.2)"
    assert layers == [(10, 1000, slope), *[(1000, 1000, slope)] * 5]
    turn = TurnSpec()
    assert (turn.optimizer.options["lr"], turn.optimizer.options["betas"]) == (1e-4, [0.5, 0.9])


def make() -> Model:
    torch.manual_seed(0)
    critic = {"name": "total_correlation_critic", "weight": 5.0, "width": 16, "depth": 2}
    return zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), regularisers={"tc": critic}).train()


def test_the_models_loss_is_the_bound_and_the_weighted_logit() -> None:
    model, x = make(), torch.rand(32, 1, 4, 4)
    loss, terms = model.loss(x)
    assert loss.item() == pytest.approx((-terms["elbo"] + 5 * terms["tc"]).item(), rel=1e-5)
    plain = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4))
    named = dict(model.named_parameters())
    torch.manual_seed(0)
    plain = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4))
    assert all(torch.equal(p, named[name]) for name, p in plain.named_parameters()), "the same first weights"
