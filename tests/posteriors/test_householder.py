"""The Householder posterior: a Gaussian of any covariance, by reflections."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from tests import linear_gaussian
from zoo.divergences import StandardNormal, kl_divergence
from zoo.posteriors.householder import Householder, HouseholderNormal


def gaussian(d: int = 4, batch: int = 5, reflections: int = 3) -> HouseholderNormal:
    torch.manual_seed(0)
    posterior = Householder(features=6, latent_dim=d, reflections=reflections).double()
    return posterior(torch.randn(batch, 6, dtype=torch.float64))


def whole(q: HouseholderNormal) -> MultivariateNormal:
    axes = q.base.scale.unsqueeze(-1) * q.reflections.columns(q.event_shape[0])
    return MultivariateNormal(q.loc, covariance_matrix=axes.mT @ axes)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_it_is_the_gaussian_of_its_covariance(d: int) -> None:
    q = gaussian(d)
    p, z = whole(q), torch.randn(7, 5, d, dtype=torch.float64)
    for ours, theirs in (
        (q.log_prob(z), p.log_prob(z)),
        (q.entropy(), p.entropy()),
        (q.mean, p.mean),
        (q.variance, p.variance),
        (q.covariance_matrix, p.covariance_matrix),
        (q.scale_tril, p.scale_tril),
        (q.expand(torch.Size([7, 5])).log_prob(z), p.log_prob(z)),
    ):
        torch.testing.assert_close(ours, theirs)


def test_draws_have_its_covariance() -> None:
    q = gaussian(3, batch=1)
    z = q.rsample(torch.Size([100_000]))[:, 0]
    torch.testing.assert_close(torch.cov(z.T), q.covariance_matrix[0], rtol=0.05, atol=0.02)


@pytest.mark.parametrize("prior", ["standard", "diagonal", "full"])
def test_divergences_and_their_gradients_are_those_of_the_matrix(prior: str) -> None:
    zeros, scales = torch.zeros(4, dtype=torch.float64), torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64)
    p = {
        "standard": StandardNormal(Normal(zeros, torch.ones_like(zeros)), 1),
        "diagonal": Independent(Normal(zeros + 0.3, scales), 1),
        "full": MultivariateNormal(zeros, scale_tril=torch.eye(4).double() + 0.2 * torch.ones(4, 4).double().tril()),
    }[prior]
    gradients = []
    for as_matrix in (False, True):
        leaves = [each.detach().requires_grad_() for each in (gaussian().base.loc, gaussian().base.scale)]
        q = HouseholderNormal(*leaves, gaussian().vectors.detach())
        divergence = kl_divergence(whole(q) if as_matrix else q, p, method="closed_form")
        gradients.append([divergence, *torch.autograd.grad(divergence.sum(), leaves)])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_one_reflection_reaches_the_true_posterior_in_two_dimensions() -> None:
    x = linear_gaussian.data(128)
    model = linear_gaussian.build({"name": "householder", "reflections": 1}, num_samples=32)
    linear_gaussian.fit(model, x, iterations=100)
    assert linear_gaussian.gap(model, x) == pytest.approx(0.0, abs=0.01)


def test_the_layer_gives_means_scales_and_vectors_in_this_order() -> None:
    posterior = Householder(features=2, latent_dim=3, reflections=2)
    torch.nn.init.zeros_(posterior.head.weight)
    with torch.no_grad():
        posterior.head.bias.copy_(torch.arange(12.0))
    q = posterior(torch.zeros(1, 2))
    torch.testing.assert_close(q.base.loc, torch.tensor([[0.0, 1.0, 2.0]]))
    torch.testing.assert_close(q.base.scale, torch.nn.functional.softplus(torch.tensor([[3.0, 4.0, 5.0]])) + 1e-4)
    torch.testing.assert_close(q.vectors, torch.arange(6.0, 12.0).view(1, 2, 3))
    assert posterior.has_moments
