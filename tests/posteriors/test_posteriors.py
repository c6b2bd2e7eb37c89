"""Laws that hold for every posterior in the registry."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Distribution

import zoo
from zoo.posteriors import Posterior, posterior_mean
from zoo.registry import find_component

POSTERIORS = zoo.list_components("posterior")


def make(name: str, features: int = 8, latent_dim: int = 3) -> Posterior:
    torch.manual_seed(0)
    return find_component("posterior", name)(features=features, latent_dim=latent_dim)


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_it_gives_a_distribution_over_latents_for_each_example(name: str, latent_dim: int) -> None:
    q = make(name, latent_dim=latent_dim)(torch.randn(5, 8))
    assert isinstance(q, Distribution)
    assert q.batch_shape == (5,)
    assert q.event_shape == (latent_dim,)
    assert q.rsample().shape == (5, latent_dim)
    assert q.rsample(torch.Size([4])).shape == (4, 5, latent_dim)


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("size", [1e4, -1e4, 1.0])
def test_extreme_features_give_finite_draws_densities_and_gradients(name: str, autocast: bool, size: float) -> None:
    posterior = make(name)
    h = torch.full((2, 8), size, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        q = posterior(h.bfloat16() if autocast else h)
    z = q.rsample()
    assert z.dtype == torch.float32
    value = z.sum()
    if posterior.has_density:
        value = value + q.log_prob(z).sum() + q.entropy().sum()
    value.backward()
    assert value.isfinite()
    assert h.grad is not None
    assert h.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in posterior.parameters())


@pytest.mark.parametrize("name", POSTERIORS)
def test_reparameterised_draws_have_the_stated_mean_and_variance(name: str) -> None:
    q = make(name)(torch.randn(2, 8))
    z = q.rsample(torch.Size([100_000]))
    error = (q.variance / len(z)).sqrt()
    assert ((z.mean(0) - posterior_mean(q)).abs() <= 4 * error + 1e-6).all()
    assert torch.allclose(z.var(0), q.variance, rtol=0.03, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in POSTERIORS if find_component("posterior", name).has_density])
def test_the_density_integrates_to_one(name: str) -> None:
    q = make(name, latent_dim=2)(torch.randn(1, 8))
    steps = torch.linspace(-6, 6, 601)
    grid = torch.cartesian_prod(steps, steps)
    mass = q.log_prob(grid[:, None]).exp().sum() * (steps[1] - steps[0]) ** 2
    assert mass.item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_head_keeps_float32_under_autocast(name: str) -> None:
    posterior, h = make(name), torch.randn(4, 8)
    exact = posterior_mean(posterior(h))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(posterior_mean(posterior(h)), exact)
