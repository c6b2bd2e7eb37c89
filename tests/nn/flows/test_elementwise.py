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


def test_bins_are_even_where_the_parameters_are_and_none_is_narrower_than_the_smallest_share() -> None:
    spline = Spline(4, bound=3.0)
    raw = torch.zeros(2, spline.parameters, dtype=torch.float64)
    raw[1, [0, 5]] = 1e3  # all the width to the first bin, all the height to the second
    x, y, slopes = spline._knots(raw)
    even = torch.linspace(-3, 3, 5, dtype=torch.float64)
    torch.testing.assert_close(x[0], even)
    torch.testing.assert_close(y[0], even)
    torch.testing.assert_close(slopes, torch.ones_like(slopes))
    rest = 6 * Spline.SMALLEST
    torch.testing.assert_close(x[1].diff(), x.new_tensor([6 - 3 * rest, rest, rest, rest]))
    torch.testing.assert_close(y[1].diff(), x.new_tensor([rest, 6 - 3 * rest, rest, rest]))


def test_slopes_at_the_knots_keep_their_floor() -> None:
    spline = Spline(2)
    raw = torch.zeros(spline.parameters, dtype=torch.float64)
    raw[-1] = -1e3
    assert spline._knots(raw)[2].tolist() == pytest.approx([1.0, Spline.SMALLEST, 1.0])


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


def test_left_out_options_are_the_documented_ones() -> None:
    one = torch.tensor(1.0, dtype=torch.float64)
    large = torch.tensor([0.0, 1e6], dtype=torch.float64)
    assert Affine()(one, large)[1].item() == pytest.approx(3.0)
    assert Gate()(one, -large)[1].item() == pytest.approx(-3.0)
    assert Gate()(one, 0 * large)[1].exp().item() == pytest.approx(
        math.exp(-3) + (1 - math.exp(-3)) / (1 + math.exp(-2))
    )
    spline = Spline()
    raw = raw_parameters(spline, 2)
    assert spline.parameters == 23
    value, log_slope = spline(torch.tensor([4.99, 5.01], dtype=torch.float64), raw)
    assert log_slope[0] != 0
    assert value[1] == 5.01
