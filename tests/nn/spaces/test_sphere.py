"""The unit sphere and its uniform distribution."""

from __future__ import annotations

import math

import pytest
import torch

from zoo.nn.spaces.sphere import UniformSphere, log_area, unit_vector


@pytest.mark.parametrize(("dimensions", "area"), [(1, 2.0), (2, 2 * math.pi), (3, 4 * math.pi), (4, 2 * math.pi**2)])
def test_the_area_is_that_of_a_sphere(dimensions: int, area: float) -> None:
    assert log_area(dimensions) == pytest.approx(math.log(area))


def test_uniform_draws_have_length_one_no_direction_and_the_density_of_the_area() -> None:
    torch.manual_seed(0)
    p = UniformSphere(3, torch.zeros(4))
    z = p.sample((20_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(20_000, 4))
    assert z.mean(0).abs().max() < 0.03
    torch.testing.assert_close(z.square().mean(0), torch.full((4, 3), 1 / 3), atol=0.02, rtol=0)
    torch.testing.assert_close(p.log_prob(z), torch.full((20_000, 4), -math.log(4 * math.pi)))
    torch.testing.assert_close(p.entropy(), -p.log_prob(z[0]))


def test_unit_vectors_have_a_finite_gradient_at_zero() -> None:
    raw = torch.zeros(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(unit_vector(raw).sum(), raw)
    assert gradient.isfinite().all()


def test_a_unit_vector_keeps_its_direction() -> None:
    raw = torch.tensor([[3.0, 4.0], [0.0, -0.5]])
    torch.testing.assert_close(unit_vector(raw), torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_draws_of_the_uniform_distribution_have_no_parameters_to_move() -> None:
    p = UniformSphere(3, torch.zeros(4, requires_grad=True))
    assert p.has_rsample
    assert not p.rsample((2,)).requires_grad
    assert p.expand((5, 4)).sample().shape == (5, 4, 3)
