"""Roots of a line with a bend."""

import pytest
import torch

from zoo.nn.flows.roots import solve_bent_line, tanh_slope


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("slope", [-0.999, -0.5, 0.0, 2.0, 1e3])
def test_the_root_solves_the_equation(slope: float, dtype: torch.dtype) -> None:
    target, shift = 5 * torch.randn(100, dtype=dtype), torch.randn(100, dtype=dtype)
    root = solve_bent_line(target, torch.tensor(slope, dtype=dtype), shift)
    torch.testing.assert_close(
        root + slope * torch.tanh(root + shift), target, atol=1e-4 if slope > 9 else 1e-5, rtol=1e-5
    )


def test_its_gradient_is_that_of_the_implicit_function() -> None:
    values = [torch.randn(6, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    slope = torch.rand(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t, b, s: solve_bent_line(t, s - 0.9, b), (*values, slope), atol=1e-4)


def test_the_slope_of_tanh_keeps_its_digits() -> None:
    assert tanh_slope(torch.tensor(30.0)).item() == pytest.approx(4 * 2.718281828459045**-60, rel=1e-3)
    assert tanh_slope(torch.tensor([-1e4, 1e4])).isfinite().all()
