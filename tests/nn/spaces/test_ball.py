"""The Poincaré ball, and the wrapped normal distribution in it."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from zoo.nn.spaces.ball import WrappedNormal, from_origin, log_sinhc, mobius_translate, to_origin

CURVATURES = pytest.mark.parametrize("curvature", [0.1, 1.0, 2.5])


def points(count: int, dimensions: int, curvature: float) -> torch.Tensor:
    return from_origin(torch.randn(count, dimensions, dtype=torch.float64), curvature)


def distance(x: torch.Tensor, y: torch.Tensor, curvature: float) -> torch.Tensor:
    """The hyperbolic distance, by the textbook's formula."""
    excess = 2 * curvature * (x - y).square().sum(-1)
    scales = (1 - curvature * x.square().sum(-1)) * (1 - curvature * y.square().sum(-1))
    return torch.acosh(1 + excess / scales) / math.sqrt(curvature)


@CURVATURES
def test_maps_from_and_to_the_origin_undo_each_other_and_keep_distances(curvature: float) -> None:
    v = torch.randn(20, 3, dtype=torch.float64)
    z = from_origin(v, curvature)
    torch.testing.assert_close(to_origin(z, curvature), v)
    torch.testing.assert_close(distance(torch.zeros_like(z), z, curvature), v.norm(dim=-1))


@CURVATURES
def test_moving_is_an_isometry_that_its_opposite_undoes(curvature: float) -> None:
    x, y, by = (points(20, 3, curvature) for _ in range(3))
    there = [mobius_translate(z, by, curvature) for z in (x, y)]
    torch.testing.assert_close(distance(*there, curvature), distance(x, y, curvature))
    torch.testing.assert_close(mobius_translate(there[0], -by, curvature), x)
    torch.testing.assert_close(mobius_translate(torch.zeros_like(by), by, curvature), by)


def test_log_sinhc_is_smooth_from_zero_to_infinity() -> None:
    x = torch.tensor([1e-6, 0.05, 0.0999, 0.1001, 1.0, 30.0], dtype=torch.float64, requires_grad=True)
    value = log_sinhc(x)
    torch.testing.assert_close(value, (torch.sinh(x) / x).log(), atol=1e-12, rtol=1e-9)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    torch.testing.assert_close(gradient[1:], (1 / torch.tanh(x) - 1 / x)[1:], rtol=1e-6, atol=1e-9)
    assert log_sinhc(torch.tensor(1e5)).isfinite()


@CURVATURES
def test_the_density_integrates_to_one_over_the_hyperbolic_volume(curvature: float) -> None:
    """The volume at z is (2 / (1 − c ‖z‖²))² dz."""
    centre, scale = torch.tensor([[0.6, -0.3]]).double(), torch.tensor([[0.7, 0.4]]).double()
    q = WrappedNormal(centre, scale, curvature)
    line = torch.linspace(-1, 1, 601, dtype=torch.float64) / math.sqrt(curvature)
    grid = torch.cartesian_prod(line, line)
    grid = grid[curvature * grid.square().sum(-1) < 1 - 1e-6]
    volume = (2 / (1 - curvature * grid.square().sum(-1))).square() * (line[1] - line[0]) ** 2
    mass = (q.log_prob(grid[:, None])[:, 0].exp() * volume).sum()
    assert mass.item() == pytest.approx(1.0, abs=2e-3)


def test_in_one_dimension_it_is_a_gaussian_in_arc_length() -> None:
    q = WrappedNormal(torch.tensor([0.7]).double(), torch.tensor([0.5]).double(), 2.0)
    z = q.sample((50,))
    torch.testing.assert_close(q.log_prob(z), Normal(0.7, 0.5).log_prob(to_origin(z, 2.0)[:, 0]))


def test_in_flat_space_it_is_a_gaussian() -> None:
    """As c → 0, points are half of their v, and volumes a quarter of a square's: log 2 a dimension."""
    centre, scale = torch.randn(4, 3).double(), torch.rand(4, 3).double() + 0.5
    q = WrappedNormal(centre, scale, 1e-6)
    z = q.sample((6,))
    torch.testing.assert_close(q.log_prob(z), Normal(centre, scale).log_prob(2 * z).sum(-1), atol=1e-4, rtol=1e-4)


def test_with_both_centres_at_the_origin_the_divergence_is_that_of_the_gaussians() -> None:
    torch.manual_seed(0)
    scale = torch.tensor([0.5, 0.8]).double()
    q, p = (WrappedNormal(torch.zeros(2).double(), s) for s in (scale, torch.ones(2).double()))
    z, log_q = q.rsample_and_log_prob((40_000,))
    ratio = log_q - p.log_prob(z)
    exact = torch.distributions.kl_divergence(Normal(0.0, scale), Normal(0.0, torch.ones(2).double())).sum()
    assert (ratio.mean() - exact).abs() < 4 * ratio.std() / 200


def test_distances_of_draws_from_the_centre_are_those_of_the_gaussian() -> None:
    torch.manual_seed(0)
    q = WrappedNormal(torch.tensor([2.0, -1.0]).double(), torch.tensor([0.7, 0.7]).double())
    z = q.sample((20_000,))
    squares = distance(z, q.point.expand_as(z), 1.0).square()
    assert squares.mean().item() == pytest.approx(2 * 0.49, rel=0.03)


def test_points_stay_inside_and_gradients_finite_far_from_the_origin() -> None:
    centre = torch.tensor([[8.0, 0.0], [0.0, 0.0]], requires_grad=True)
    scale = torch.tensor([[3.0, 3.0], [1e-4, 1e-4]], requires_grad=True)
    z, log_q = WrappedNormal(centre, scale).rsample_and_log_prob((500,))
    assert (z.norm(dim=-1) < 1).all()
    for gradient in torch.autograd.grad(z.sum() + log_q.sum(), (centre, scale)):
        assert gradient.isfinite().all()
    assert WrappedNormal(torch.zeros(2), torch.ones(2)).log_prob(z).isfinite().all()


def test_a_point_on_the_edge_is_as_far_away_as_float64_tells() -> None:
    z = torch.tensor([[1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(to_origin(z, 1.0), 2 * math.atanh(1 - 1e-15) * z)
