"""Parameters of likelihoods: where they come from, and how they stay positive."""

import pytest
import torch

from zoo.likelihoods._parameters import PositiveParameter, blocks, inverse_softplus, log_softplus


@pytest.mark.parametrize(("mode", "shape"), [("shared", ()), ("per_feature", (2, 3))])
def test_a_learned_parameter_is_one_number_or_one_for_each_value(mode, shape):
    parameter = PositiveParameter(0.7, mode, (2, 3), floor=0.1)
    assert parameter.raw.shape == shape
    assert parameter.blocks == 0
    found = parameter(torch.zeros(5, 2, 3, dtype=torch.float64))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, torch.full(shape, 0.7, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("initial", [0.05, 0.1])
def test_a_parameter_below_its_floor_begins_just_above_it(initial):
    found = PositiveParameter(initial, "shared", (2,), floor=0.1)(torch.zeros(2))
    assert found.item() == pytest.approx(0.1 + 1e-6, abs=1e-7)


@pytest.mark.parametrize("raw", [-1e4, -100.0, -16.5, -15.5, -15.0, -14.5, -1.0, 0.0, 30.0])
def test_the_logarithm_of_softplus_is_exact_where_softplus_is_tiny(raw):
    exact = torch.tensor(max(raw, -300.0), dtype=torch.float64)
    expected = torch.log(torch.log1p(exact.exp())) if raw > -300 else torch.tensor(raw)
    x = torch.tensor(raw, requires_grad=True)
    found = log_softplus(x)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    found.backward()
    # d/dr log softplus(r) = sigmoid(r) / softplus(r), which tends to 1.
    assert x.grad.item() == pytest.approx((torch.sigmoid(exact) / torch.log1p(exact.exp())).item(), rel=1e-5)


@pytest.mark.parametrize("value", [1e-3, 1.0, 50.0])
def test_softplus_is_undone(value):
    raw = torch.tensor(inverse_softplus(value), dtype=torch.float64)
    assert torch.nn.functional.softplus(raw).item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("shape", [(6,), (6, 2), (6, 2, 3), (6, 2, 3, 4)])
def test_blocks_are_of_the_shape_of_the_data_whatever_its_axes(shape):
    raw = torch.arange(float(torch.Size(shape).numel())).reshape(1, *shape)
    found = blocks(raw, 2, len(shape))
    assert found.shape == (1, 2, 3, *shape[1:])
    assert torch.equal(found[:, 1], raw[:, 3:])
