"""How a condition acts on features."""

import pytest
import torch

from zoo.nn.layers.modulation import Modulation

SHAPES = pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (6, 4, 5, 7)], ids=["vectors", "series", "maps"])


@SHAPES
def test_starts_as_the_identity_and_learns_from_the_first_step(shape):
    modulation, h = Modulation(width=4, condition_dim=3), torch.randn(shape)
    out = modulation(h, torch.randn(6, 3))
    assert torch.equal(out, h)
    out.square().sum().backward()
    assert (modulation.linear.weight.grad != 0).all()
    assert (modulation.linear.bias.grad != 0).all()


@SHAPES
def test_scales_and_shifts_each_feature_by_the_condition_of_its_example(shape):
    modulation, h, condition = Modulation(width=4, condition_dim=3), torch.randn(shape), torch.randn(6, 3)
    torch.nn.init.normal_(modulation.linear.weight)
    torch.nn.init.normal_(modulation.linear.bias)
    out = modulation(h, condition)
    for example in range(6):
        scale, shift = (modulation.linear.weight @ condition[example] + modulation.linear.bias).split(4)
        for feature in range(4):
            expected = h[example, feature] * (1 + scale[feature]) + shift[feature]
            torch.testing.assert_close(out[example, feature], expected)


@SHAPES
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keeps_the_type_of_the_features_under_mixed_precision(shape, dtype):
    modulation, h = Modulation(width=4, condition_dim=3), torch.randn(shape, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        assert modulation(h, torch.randn(6, 3)).dtype == dtype
