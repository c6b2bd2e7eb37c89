"""The adversarial autoencoder: its critic on Gaussians, whose best logit is known, and what its term moves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.nn import functional as F

import zoo
from tests.minimise import minimise
from zoo.model import Model
from zoo.regularisers.code_critic import CodeCritic

PRIOR = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
LATENTS = Independent(Normal(torch.tensor([0.8, -0.4]), torch.tensor([0.7, 1.2])), 1)


def trained_critic(latents: Independent) -> CodeCritic:
    torch.manual_seed(0)
    regulariser = CodeCritic(latent_dim=2, width=32)
    drawn = [PRIOR.sample((5000,)), latents.sample((5000,))]
    minimise(lambda: regulariser.critic(*drawn), regulariser.critic.parameters(), iterations=30)
    return regulariser


@pytest.fixture(scope="module")
def regulariser() -> CodeCritic:
    """With a critic that is trained to tell two Gaussians apart."""
    return trained_critic(LATENTS)


def test_the_best_critic_is_the_log_ratio_of_prior_and_latents(regulariser: CodeCritic) -> None:
    """At each z its logit is log p(z) − log q(z)."""
    z = torch.cat([PRIOR.sample((2000,)), LATENTS.sample((2000,))])
    best = PRIOR.log_prob(z) - LATENTS.log_prob(z)
    with torch.no_grad():
        error = regulariser.critic.logits(z) - best
    assert error.square().mean() < 0.05 * best.var()
    assert error.abs().mean() < 0.2


def test_its_gradient_moves_latents_towards_the_prior(regulariser: CodeCritic) -> None:
    """d/dz of −log D is −(1 − D) ∇(log p − log q), on average over latents that are shifted by 0.8 and −0.4."""
    torch.manual_seed(1)
    z = LATENTS.sample((4000,)).requires_grad_()
    (gradient,) = torch.autograd.grad(F.softplus(-regulariser.critic.logits(z)).sum(), z)
    ratio = PRIOR.log_prob(z) - LATENTS.log_prob(z)
    (exact,) = torch.autograd.grad(F.softplus(-ratio).sum(), z)
    torch.testing.assert_close(gradient.mean(0), exact.mean(0), atol=0.1, rtol=0)
    assert gradient.mean(0)[0] > 0.1
    assert gradient.mean(0)[1] < -0.05


def test_where_latents_are_distributed_as_the_prior_the_critic_is_at_chance() -> None:
    regulariser = trained_critic(PRIOR)
    z = PRIOR.sample((4000,))
    with torch.no_grad():
        assert regulariser.critic(PRIOR.sample((4000,)), z).item() == pytest.approx(math.log(2), abs=0.01)
        assert torch.sigmoid(regulariser.critic.logits(z)).mean().item() == pytest.approx(0.5, abs=0.02)


def make(posterior: str, objective: dict[str, object], **options: object) -> Model:
    torch.manual_seed(0)
    critic = {"name": "code_critic", "width": 16, **options}
    return zoo.build(
        "ae-mlp-2d",
        data_shape=(1, 4, 4),
        encoder={"widths": [32]},
        decoder={"widths": [32]},
        posterior=posterior,
        objective=objective,
        regularisers={"critic": critic},
    ).train()


POINT = ("point", {"name": "autoencoder"})
GAUSSIAN = ("diagonal_gaussian", {"name": "vae", "beta": 0.0})


def gradient(model: Model, part: str, x: Tensor) -> Tensor:
    model.zero_grad()
    torch.manual_seed(1)
    model.loss(x).total.backward()
    return torch.cat([p.grad.flatten() for p in getattr(model, part).parameters() if p.grad is not None])


@pytest.mark.parametrize(("posterior", "objective"), [POINT, GAUSSIAN])
def test_the_term_reaches_the_encoder_and_not_the_decoder(posterior: str, objective: dict[str, object]) -> None:
    x = torch.rand(16, 1, 4, 4)
    model, without = (make(posterior, objective, weight=weight) for weight in (3.0, 0.0))
    assert torch.equal(gradient(model, "decoder", x), gradient(without, "decoder", x))
    assert not torch.allclose(gradient(model, "encoder", x), gradient(without, "encoder", x))


@pytest.mark.parametrize(("posterior", "objective"), [POINT, GAUSSIAN])
def test_the_term_is_the_non_saturating_loss_of_the_latents(posterior: str, objective: dict[str, object]) -> None:
    model, x = make(posterior, objective, weight=2.0), torch.rand(16, 1, 4, 4)
    torch.manual_seed(1)
    loss, terms = model.loss(x)
    torch.manual_seed(1)
    z = model.inference(x).draw().z[0]
    expected = -F.logsigmoid(model.adversaries()["critic"].logits(z)).mean()
    torch.testing.assert_close(terms["critic"], expected.detach())
    rest = next(terms[name] for name in ("squared_error", "reconstruction") if name in terms)
    assert loss.item() == pytest.approx((rest + 2 * expected).item(), rel=1e-5)


def test_evidence_is_a_draw_of_the_prior_for_each_example_and_then_the_latents() -> None:
    model, x = make(*POINT), torch.rand(16, 1, 4, 4)
    torch.manual_seed(1)
    draws, latents = model(x).evidence["critic"]
    torch.manual_seed(1)
    assert torch.equal(draws, model.prior.sample((16,)))
    assert torch.equal(latents, model.encode(x).mean)


@pytest.mark.parametrize("prior", ["class_gaussian", "vamp", "mixture"])
def test_any_prior_will_do(prior: str) -> None:
    classes = {"classes": 3, "conditioned": ["prior"]} if prior == "class_gaussian" else {}
    model = zoo.build(
        "vae-mlp-2d",
        data_shape=(1, 4, 4),
        prior=prior,
        train_examples=100,
        regularisers={"critic": {"name": "code_critic", "width": 16}},
        **classes,
    ).train()
    labels = torch.arange(6) % 3 if classes else None
    draws, latents = model(torch.rand(6, 1, 4, 4), labels).evidence["critic"]
    assert draws.shape == latents.shape == (6, 2)
