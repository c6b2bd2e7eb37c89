"""FactorVAE's critic on Gaussian latents, whose total correlation is known."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.model import Model
from zoo.regularisers.total_correlation_critic import TotalCorrelationCritic, shuffle_dimensions

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


def test_the_trained_critic_estimates_the_total_correlation() -> None:
    torch.manual_seed(0)
    critic = TotalCorrelationCritic(latent_dim=2, width=32, depth=2).critic
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for _ in range(300):
        z = latents(512)
        optimizer.zero_grad()
        critic(z, shuffle_dimensions(latents(512))).backward()
        optimizer.step()
    with torch.no_grad():
        logits = critic.logits(latents(20_000))
    assert logits.mean().item() == pytest.approx(TOTAL_CORRELATION.item(), abs=0.06)


def make() -> Model:
    torch.manual_seed(0)
    critic = {"name": "total_correlation_critic", "weight": 5.0, "width": 16, "depth": 2}
    return zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), regularisers={"tc": critic}).train()


def test_the_critics_loss_moves_the_critic_alone() -> None:
    model, x = make(), torch.rand(32, 1, 4, 4)
    evidence = model(x).evidence["tc"]
    assert not any(tensor.requires_grad for tensor in evidence)
    model.adversaries()["tc"](*evidence).backward()
    critic = {id(p) for p in model.adversaries()["tc"].parameters()}
    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    assert touched == {name for name, p in model.named_parameters() if id(p) in critic}


def test_the_models_loss_is_the_bound_and_the_weighted_logit() -> None:
    model, x = make(), torch.rand(32, 1, 4, 4)
    loss, terms = model.loss(x)
    assert loss.item() == pytest.approx((-terms["elbo"] + 5 * terms["tc"]).item(), rel=1e-5)
    plain = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4))
    named = dict(model.named_parameters())
    torch.manual_seed(0)
    plain = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4))
    assert all(torch.equal(p, named[name]) for name, p in plain.named_parameters()), "the same first weights"


def test_there_is_no_evidence_in_evaluation() -> None:
    assert make().eval()(torch.rand(4, 1, 4, 4)).evidence == {}
