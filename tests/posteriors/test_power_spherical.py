"""The power spherical distribution."""

from __future__ import annotations

import math

import pytest
import torch

from zoo.divergences import kl_divergence
from zoo.nn.spaces.quadrature import gauss_legendre
from zoo.nn.spaces.sphere import UniformSphere, log_area
from zoo.posteriors._sphere import AxisHead
from zoo.posteriors.power_spherical import PowerSpherical

DIMENSIONS = pytest.mark.parametrize("m", [2, 3, 5, 20])


def around(kappa: torch.Tensor, m: int) -> PowerSpherical:
    """Return distributions around the first axis."""
    axis = torch.zeros(*kappa.shape, m, dtype=kappa.dtype)
    axis[..., 0] = 1.0
    return PowerSpherical(axis, kappa)


@DIMENSIONS
@pytest.mark.parametrize("kappa", [0.0, 0.7, 5.0, 200.0])
def test_normaliser_moments_and_divergence_are_those_of_quadrature(m: int, kappa: float) -> None:
    q = around(torch.tensor(kappa, dtype=torch.float64), m)
    angles, weights = gauss_legendre(torch.tensor(0.0), torch.tensor(math.pi), 400)
    log_density = kappa * torch.log1p(angles.cos()) + (m - 2) * angles.sin().log()
    log_total = (log_density + weights.log()).logsumexp(0)
    torch.testing.assert_close(q.log_normaliser(), log_total + log_area(m - 1), atol=1e-6, rtol=1e-6)
    shares = (log_density + weights.log()).softmax(0)
    first, second = q.cosine_moments()
    torch.testing.assert_close(first, (shares * angles.cos()).sum(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(second, (shares * angles.cos().square()).sum(), atol=1e-6, rtol=1e-6)
    expected = (shares * kappa * torch.log1p(angles.cos())).sum() - q.log_normaliser() + log_area(m)
    divergence = kl_divergence(q, UniformSphere(m, torch.zeros(())), method="closed_form")
    torch.testing.assert_close(divergence, expected, atol=1e-6, rtol=1e-6)


@DIMENSIONS
@pytest.mark.parametrize("kappa", [0.3, 5.0, 100.0])
def test_draws_have_the_moments_of_the_density(m: int, kappa: float) -> None:
    torch.manual_seed(0)
    q = around(torch.tensor(kappa), m)
    z = q.sample((10_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(10_000))
    first, second = q.cosine_moments()
    cosine = z[:, 0]
    assert (cosine.mean() - first).abs() < 4 * cosine.std() / 100
    assert (cosine.square().mean() - second).abs() < 4 * cosine.square().std() / 100
    torch.testing.assert_close(z.var(0), q.variance, rtol=0.1, atol=1e-4)


@DIMENSIONS
def test_the_gradient_of_draws_in_the_concentration_is_that_of_the_mean(m: int) -> None:
    torch.manual_seed(0)
    kappa = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    q = around(kappa, m)
    assert q.has_rsample
    found, exact = (
        torch.autograd.grad(v, kappa)[0] for v in (q.rsample((40_000,))[:, 0].mean(), q.cosine_moments()[0])
    )
    assert found.item() == pytest.approx(exact.item(), rel=0.02)


def test_without_concentration_it_is_uniform() -> None:
    q, z = around(torch.tensor(0.0), 3), UniformSphere(3, torch.zeros(())).sample((7,))
    torch.testing.assert_close(q.log_prob(z), torch.full((7,), -math.log(4 * math.pi)))


@DIMENSIONS
def test_the_density_is_a_power_of_one_plus_the_cosine(m: int) -> None:
    kappa, z = torch.tensor([0.7, 5.0], dtype=torch.float64), UniformSphere(m, torch.zeros(2).double()).sample((7,))
    q = around(kappa, m)
    torch.testing.assert_close(q.log_prob(z), kappa * torch.log1p(z[..., 0]) - q.log_normaliser())


def test_the_layer_gives_a_direction_and_a_concentration_in_units_of_the_dimensions() -> None:
    head = AxisHead(2, 3, floor=0.25)
    torch.nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([0.0, 3.0, -4.0, 1.0]))
    axis, kappa = head.axis_and_concentration(torch.zeros(1, 2))
    torch.testing.assert_close(axis, torch.tensor([[0.0, 0.6, -0.8]]))
    torch.testing.assert_close(kappa, 2 * torch.nn.functional.softplus(torch.ones(1)) + 0.25)
