"""KL(ρ ‖ ρ̂) of each latent, in closed form."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

import zoo
from zoo.errors import ComponentError


def build(target: float) -> zoo.model.Model:
    return zoo.build(
        "ae-mlp-2d",
        data_shape=(6,),
        latent_dim=5,
        posterior={"activation": "sigmoid"},
        regularisers={"sparsity": {"name": "kl_sparsity", "target": target}},
    )


def test_it_is_the_divergence_of_bernoulli_variables():
    model, x = build(0.1), torch.rand(20, 6)
    means = model.encode(x).mean.mean(0)
    expected = kl_divergence(Bernoulli(torch.tensor(0.1)), Bernoulli(means)).sum()
    torch.testing.assert_close(model.loss(x).terms["sparsity"], expected)


def test_it_is_zero_where_latents_have_the_target_as_their_mean():
    model = build(0.5)
    with torch.no_grad():
        model.posterior.head.weight.zero_()
        model.posterior.head.bias.zero_()
    assert model.loss(torch.rand(20, 6)).terms["sparsity"].abs() < 1e-6


def test_latents_that_are_always_on_or_off_give_finite_gradients():
    model = build(0.05)
    with torch.no_grad():
        model.posterior.head.bias.copy_(torch.tensor([-200.0, 200, 0, 0, 0]))
    model.loss(torch.rand(20, 6)).total.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_unbounded_latents_are_refused():
    with pytest.raises(ComponentError, match=r"model\.posterior: .*'point' are not bounded so"):
        zoo.build("ae-mlp-2d", regularisers={"sparsity": {"name": "kl_sparsity"}})
