"""Increasing functions of one number."""

from __future__ import annotations

import math

import pytest
import torch

from zoo.nn.flows.elementwise import Affine, Elementwise, Gate, Spline

FUNCTIONS = pytest.mark.parametrize(
    "function", [Affine(), Gate(), Spline(5, bound=3.0), Spline(1)], ids=["affine", "gate", "spline", "one bin"]
)


def raw_parameters(function: Elementwise, count: int, size: float = 1.0) -> torch.Tensor:
    torch.manual_seed(0)
    return size * torch.randn(count, function.parameters, dtype=torch.float64)


@pytest.mark.parametrize("function", [Affine(), Spline(5, bound=3.0)], ids=["affine", "spline"])
def test_zeros_make_it_the_identity(function: Elementwise) -> None:
    z = torch.linspace(-6, 6, 50, dtype=torch.float64)
    y, log_slope = function(z, raw_parameters(function, 50, 0.0))
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(log_slope, torch.zeros_like(z))


@FUNCTIONS
@pytest.mark.parametrize("size", [1.0, 5.0])
def test_the_slope_is_that_of_autograd_and_the_inverse_returns(function: Elementwise, size: float) -> None:
    raw = raw_parameters(function, 200, size)
    z = torch.linspace(-4, 4, 200, dtype=torch.float64, requires_grad=True)
    y, log_slope = function(z, raw)
    (slope,) = torch.autograd.grad(y.sum(), z)
    torch.testing.assert_close(log_slope, slope.log())
    back, inverse_log_slope = function.inverse(y, raw)
    torch.testing.assert_close(back, z, atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(inverse_log_slope, -log_slope, atol=1e-5, rtol=1e-5)


@FUNCTIONS
def test_it_is_increasing(function: Elementwise) -> None:
    z = torch.linspace(-5, 5, 1001, dtype=torch.float64)[:, None]
    y, _ = function(z.expand(-1, 20), raw_parameters(function, 20, 3.0).expand(1001, -1, -1))
    assert (y.diff(dim=0) > 0).all()


def test_a_gate_mixes_the_variable_with_a_value_and_never_expands_or_closes() -> None:
    """σ = sigmoid(s + 2) of algorithm 1, but for the smallest slope e^−bound, and 1 where s is large."""
    z, target = torch.tensor(3.0, dtype=torch.float64), torch.tensor(-1.0, dtype=torch.float64)
    for s, slope in [(0.0, 1 / (1 + math.exp(-2))), (-2.0, 0.5), (1e3, 1.0), (-1e3, math.exp(-20))]:
        y, log_slope = Gate(bound=20.0)(z, torch.stack([target, target.new_tensor(s)]))
        assert log_slope.exp().item() == pytest.approx(slope, rel=1e-6)
        assert y.item() == pytest.approx(slope * 3 - (1 - slope), rel=1e-6)


def test_a_spline_passes_through_its_knots_and_is_the_identity_outside() -> None:
    spline = Spline(4, bound=2.0)
    raw = raw_parameters(spline, 1)
    x, y, slopes = spline._knots(raw)
    inner = x[0, 1:-1]
    value, log_slope = spline(inner, raw.expand(3, -1))
    torch.testing.assert_close(value, y[0, 1:-1])
    torch.testing.assert_close(log_slope.exp(), slopes[0, 1:-1])
    outside = torch.tensor([-2.5, 2.5, 1e6], dtype=torch.float64)
    assert torch.equal(spline(outside, raw.expand(3, -1))[0], outside)
    assert torch.equal(spline.inverse(outside, raw.expand(3, -1))[0], outside)


@pytest.mark.parametrize("size", [1e2, 1e4])
@FUNCTIONS
def test_extreme_parameters_give_finite_values_and_gradients(function: Elementwise, size: float) -> None:
    raw = (size * torch.randn(100, function.parameters)).requires_grad_()
    z = torch.linspace(-4, 4, 100)
    for direction in (function, function.inverse):
        y, log_slope = direction(z, raw)
        (gradient,) = torch.autograd.grad((y / (1 + y.abs())).sum() + log_slope.sum(), raw)
        assert y.isfinite().all()
        assert log_slope.isfinite().all()
        assert gradient.isfinite().all()
