"""The von Mises–Fisher distribution against closed forms of its integrals."""

from __future__ import annotations

import math

import pytest
import torch

import zoo
import zoo.nn.spaces.quadrature
from zoo.divergences import kl_divergence
from zoo.errors import ComponentError
from zoo.nn.spaces.sphere import UniformSphere, log_area
from zoo.posteriors.von_mises_fisher import VonMisesFisher, kl_to_uniform

DIMENSIONS = pytest.mark.parametrize("m", [2, 3, 5, 10, 20])
KAPPAS = torch.tensor([1e-3, 0.5, 5.0, 50.0, 1e3, 1e6], dtype=torch.float64)


def around(kappa: torch.Tensor, m: int) -> VonMisesFisher:
    """Return distributions around the first axis."""
    axis = torch.zeros(*kappa.shape, m, dtype=kappa.dtype)
    axis[..., 0] = 1.0
    return VonMisesFisher(axis, kappa)


def test_on_the_circle_the_normaliser_is_a_bessel_function() -> None:
    """∫ exp(κ (cos θ − 1)) = 2π I_0(κ) e^{−κ}."""
    found = around(KAPPAS, 2).log_normaliser()
    torch.testing.assert_close(found, (2 * math.pi * torch.special.i0e(KAPPAS)).log(), rtol=1e-9, atol=1e-9)
    mean = torch.special.i1e(KAPPAS) / torch.special.i0e(KAPPAS)
    torch.testing.assert_close(around(KAPPAS, 2).cosine_moments()[0], mean, rtol=1e-9, atol=1e-9)


def test_on_the_sphere_in_three_dimensions_it_has_a_closed_form() -> None:
    q = around(KAPPAS, 3)
    log_normaliser = (2 * math.pi * -torch.expm1(-2 * KAPPAS) / KAPPAS).log()
    torch.testing.assert_close(q.log_normaliser(), log_normaliser, rtol=1e-9, atol=1e-9)
    mean = 1 / torch.tanh(KAPPAS) - 1 / KAPPAS
    torch.testing.assert_close(q.cosine_moments()[0], mean, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("m", "expected"), [(2, 1.1622339), (3, 1.3030845), (10, 0.9685059)])
def test_the_divergence_from_uniform_at_concentration_five(m: int, expected: float) -> None:
    q = around(torch.tensor(5.0, dtype=torch.float64), m)
    p = UniformSphere(m, torch.zeros(()))
    assert kl_divergence(q, p, method="closed_form").item() == pytest.approx(expected, abs=1e-7)
    torch.testing.assert_close(q.entropy(), log_area(m) - kl_to_uniform(q))


@DIMENSIONS
def test_the_gradient_of_the_normaliser_is_the_mean_of_the_cosine(m: int) -> None:
    kappa = KAPPAS.clone().requires_grad_()
    q = around(kappa, m)
    (gradient,) = torch.autograd.grad(q.log_normaliser().sum(), kappa)
    torch.testing.assert_close(gradient, q.cosine_moments()[0].detach() - 1)


@DIMENSIONS
def test_the_divergence_has_its_limits(m: int) -> None:
    low, high = (torch.tensor(kappa, dtype=torch.float64) for kappa in (1e-2, 1e7))
    assert kl_to_uniform(around(low, m)).item() == pytest.approx(low.item() ** 2 / (2 * m), rel=1e-3)
    limit = (m - 1) / 2 * math.log(high.item() / (2 * math.pi * math.e)) + log_area(m)
    assert kl_to_uniform(around(high, m)).item() == pytest.approx(limit, rel=1e-5)


@DIMENSIONS
@pytest.mark.parametrize("kappa", [0.3, 5.0, 100.0])
def test_draws_have_the_moments_of_the_density(m: int, kappa: float) -> None:
    torch.manual_seed(0)
    q = around(torch.tensor(kappa), m)
    z = q.sample((10_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(10_000))
    first, second = q.cosine_moments()
    cosine = z[:, 0].double()
    assert (cosine.mean() - first).abs() < 4 * cosine.std() / 100
    assert (cosine.square().mean() - second).abs() < 4 * cosine.square().std() / 100
    assert z[:, 1:].mean(0).abs().max() < 4 * z[:, 1:].std() / 100
    torch.testing.assert_close(z.var(0), q.variance, rtol=0.1, atol=1e-4)


@DIMENSIONS
def test_the_gradient_of_draws_in_the_concentration_is_exact(m: int) -> None:
    """d E[cos θ] / dκ = 1 − A² − (m − 1) A / κ. Through the accepted proposal alone it is 21 % low at m = 3."""
    torch.manual_seed(0)
    kappa = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    q = around(kappa, m)
    cosine = q.rsample((10_000,))[:, 0]
    (found,) = torch.autograd.grad(cosine.mean(), kappa)
    mean = q.cosine_moments()[0].detach()
    exact = 1 - mean.square() - (m - 1) * mean / 5
    assert found.item() == pytest.approx(exact.item(), rel=0.04)


@DIMENSIONS
@pytest.mark.parametrize("kappa", [0.5, 5.0, 500.0])
def test_the_slope_of_an_angle_keeps_its_place_in_the_distribution(m: int, kappa: float) -> None:
    """∂θ/∂κ at a fixed F(θ): the mass below the moved angle under the moved κ is unchanged."""
    torch.manual_seed(0)
    step = 1e-4 * kappa
    before, after = (around(torch.full((200,), value, dtype=torch.float64), m) for value in (kappa, kappa + step))
    angle = before._draw_angle(torch.Size([200]))
    moved = angle + before._slope_of(angle) * step

    def mass(q: VonMisesFisher, until: torch.Tensor) -> torch.Tensor:
        nodes, weights = zoo.nn.spaces.quadrature.gauss_legendre(torch.zeros_like(until), until, 96)
        everywhere = q.log_normaliser() - log_area(m - 1)
        return ((q._log_density(nodes) - everywhere[:, None]).exp() * weights).sum(-1)

    torch.testing.assert_close(mass(after, moved), mass(before, angle), atol=1e-6, rtol=0)


def test_rotating_the_axis_rotates_the_distribution() -> None:
    torch.manual_seed(0)
    axis = torch.nn.functional.normalize(torch.randn(4), dim=0).requires_grad_()
    q = VonMisesFisher(axis, torch.tensor(20.0))
    z = q.rsample((20_000,))
    mean = z.mean(0) / z.mean(0).norm()
    torch.testing.assert_close(mean, q.mean, atol=0.01, rtol=0)
    (gradient,) = torch.autograd.grad((z @ torch.tensor([1.0, 0.0, 0.0, 0.0])).mean(), axis)
    # E[z] = A μ, so that only the part along the first axis has a gradient, up to the direction of μ itself.
    tangent = gradient - (gradient @ axis) * axis
    expected = q.cosine_moments()[0].item() * torch.tensor([1.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(tangent, expected - (expected @ axis) * axis, atol=0.03, rtol=0)


def test_a_sphere_of_two_points_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"model\.posterior: a sphere needs at least 2 dimensions"):
        zoo.build("svae-mlp-3d", latent_dim=1)


@pytest.mark.parametrize(("preset", "prior"), [("svae-mlp-3d", "standard_gaussian"), ("vae-mlp-2d", "uniform_sphere")])
def test_a_prior_over_another_space_is_refused_with_those_that_fit(preset: str, prior: str) -> None:
    remedy = {"svae-mlp-3d": "`uniform_sphere`", "vae-mlp-2d": "`standard_gaussian`"}[preset]
    with pytest.raises(ComponentError, match=r"the unit sphere") as refusal:
        zoo.build(preset, prior=prior)
    assert remedy in str(refusal.value)
    assert refusal.value.where == "model.prior"


@pytest.mark.parametrize("preset", ["svae-mlp-3d", "pvae-mlp-2d"])
def test_the_decoder_sees_latents_of_the_size_of_those_of_a_gaussian(preset: str) -> None:
    """Points of a unit ball in many dimensions have small entries, from which a decoder would begin to learn late."""
    model = zoo.build(preset, data_shape=(1, 8, 8), latent_dim=50)
    seen: list[torch.Tensor] = []
    model.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.sample(400, seed=0)
    assert seen[0].square().mean().item() == pytest.approx(1.0, abs=0.05)


def test_the_density_in_three_dimensions_has_a_closed_form() -> None:
    """κ exp(κ μᵀz) / (4π sinh κ)."""
    kappa, z = torch.tensor([0.5, 5.0, 20.0], dtype=torch.float64), torch.randn(7, 3, 3, dtype=torch.float64)
    z = torch.nn.functional.normalize(z, dim=-1)
    expected = kappa * z[..., 0] + (kappa / (4 * math.pi * torch.sinh(kappa))).log()
    torch.testing.assert_close(around(kappa, 3).log_prob(z), expected)


@pytest.mark.parametrize("m", [2, 3, 500])
def test_the_most_likely_angle_is_where_the_density_is_stationary(m: int) -> None:
    """κ sin²θ = (m − 2) cos θ; on a circle it is 0 at every κ."""
    kappa = torch.logspace(-8, 10, 2001, dtype=torch.float64)
    mode, low, high = around(kappa, m)._interval()
    torch.testing.assert_close(kappa * mode.sin().square(), (m - 2) * mode.cos(), rtol=1e-3, atol=1e-9)
    assert ((low <= mode) & (mode <= high)).all()
