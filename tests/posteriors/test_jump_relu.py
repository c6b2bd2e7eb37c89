"""Thresholds with a pseudo-derivative."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.posteriors.jump_relu import JumpReLU, jump

THRESHOLD, BANDWIDTH = 0.5, 0.2


def test_values_are_those_of_the_step():
    z, fires = jump(torch.tensor([[-1.0, 0.4, 0.5, 0.6, 3.0]]), torch.full((5,), THRESHOLD), BANDWIDTH)
    assert torch.equal(z, torch.tensor([[0.0, 0.0, 0.0, 0.6, 3.0]]))
    assert torch.equal(fires, torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0]]))


@pytest.mark.parametrize(
    ("activation", "is_near", "passes"), [(0.3, False, 0.0), (0.45, True, 0.0), (0.55, True, 1.0), (0.7, False, 1.0)]
)
def test_the_pseudo_derivative_is_that_of_the_formula(activation, is_near, passes):
    """∂z/∂θ = −(θ/ε) K, ∂L0/∂θ = −(1/ε) K with K = 1 within ε/2 of the threshold; ∂z/∂π = 1[π > θ]."""
    value = torch.tensor([[activation]], requires_grad=True)
    threshold = torch.tensor([THRESHOLD], requires_grad=True)
    z, fires = jump(value, threshold, BANDWIDTH)
    of_value, of_threshold = torch.autograd.grad(z.sum(), (value, threshold), retain_graph=True)
    assert of_value.item() == passes
    assert of_threshold.item() == pytest.approx(-THRESHOLD / BANDWIDTH if is_near else 0.0)
    of_value, of_threshold = torch.autograd.grad(fires.sum(), (value, threshold))
    assert of_value.item() == 0
    assert of_threshold.item() == pytest.approx(-1 / BANDWIDTH if is_near else 0.0)


def test_the_pseudo_derivative_estimates_that_of_the_expected_loss():
    """Over activations with a density, the mean pseudo-derivative is the slope of the expected count."""
    generator = torch.Generator().manual_seed(0)
    activations = torch.randn(400_000, 1, generator=generator)
    threshold = torch.tensor([THRESHOLD], requires_grad=True)
    _, fires = jump(activations, threshold, BANDWIDTH)
    fires.mean().backward()
    density = torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(THRESHOLD)).exp()
    assert threshold.grad.item() == pytest.approx(-density.item(), rel=0.02)


def test_the_penalty_counts_latents_and_raises_thresholds():
    posterior = JumpReLU(features=4, latent_dim=9, l0_penalty=0.25, bandwidth=1.0)
    q = posterior(torch.randn(20, 4))
    loss = posterior.losses(q)["l0_penalty"]
    torch.testing.assert_close(loss, 0.25 * (q.mean > 0).sum(1).float())
    loss.mean().backward()
    assert (posterior.log_threshold.grad <= 0).all()
    assert posterior.log_threshold.grad.min() < 0
    assert posterior.head.weight.grad is None or posterior.head.weight.grad.abs().max() == 0


def test_a_larger_penalty_gives_sparser_codes():
    x = torch.randn(256, 16, generator=torch.Generator().manual_seed(0))

    def trained(penalty: float) -> float:
        torch.manual_seed(0)
        posterior = {"name": "jump_relu", "l0_penalty": penalty, "bandwidth": 0.5, "threshold": 0.1}
        model = zoo.build("sparse-ae-top-k-512d", data_shape=(16,), latent_dim=32, posterior=posterior, regularisers={})
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(40):
            optimizer.zero_grad()
            model.loss(x).total.backward()
            optimizer.step()
        return (model.eval().encode(x).mean > 0).float().sum(1).mean().item()

    assert trained(0.5) < 0.7 * trained(0.0)
