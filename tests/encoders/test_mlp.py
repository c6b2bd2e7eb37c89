"""The fully connected encoder."""

import pytest
import torch
from torch import nn

from zoo.encoders.mlp import MLPEncoder
from zoo.errors import ComponentError
from zoo.spec.options import check_options


@pytest.mark.parametrize("shape", [(1,), (13,), (3, 5), (1, 4, 4), (2, 3, 4, 5)])
def test_takes_data_of_any_shape(shape):
    encoder = MLPEncoder(data_shape=shape, condition_dim=0, widths=[7])
    assert encoder(torch.randn(4, *shape)).shape == (4, 7)


def test_is_the_composition_of_its_layers_in_the_order_of_its_widths():
    encoder = MLPEncoder(data_shape=(3,), condition_dim=0, widths=[6, 4], depth=2, activation="tanh")
    layers = [block.layer for block in encoder.blocks]
    assert [layer.out_features for layer in layers] == [6, 6, 4, 4]
    x = torch.randn(5, 3)
    expected = x
    for layer in layers:
        expected = nn.functional.linear(expected, layer.weight, layer.bias).tanh()
    torch.testing.assert_close(encoder(x), expected)


def test_without_widths_the_features_are_the_data():
    encoder, x = MLPEncoder(data_shape=(2, 3), condition_dim=0, widths=[]), torch.randn(4, 2, 3)
    assert encoder.features == 6
    assert torch.equal(encoder(x), x.flatten(1))


def test_without_widths_a_condition_scales_and_shifts_the_data():
    encoder = MLPEncoder(data_shape=(6,), condition_dim=2, widths=[])
    torch.nn.init.normal_(encoder.modulation.linear.weight)
    x, condition = torch.randn(4, 6), torch.randn(4, 2)
    scale, shift = encoder.modulation.linear(condition).chunk(2, dim=1)
    torch.testing.assert_close(encoder(x, condition), x * (1 + scale) + shift)


@pytest.mark.parametrize("widths", [[0], [512, -1], ["many"], 512, [2.0]])
def test_widths_that_make_no_network_are_refused(widths):
    with pytest.raises(ComponentError, match=r"encoder\.widths"):
        check_options(MLPEncoder, {"widths": widths}, "encoder")


def test_an_option_of_a_sibling_is_refused_with_the_valid_ones():
    message = (
        r"encoder\.channels: unknown field\nIt is an option of another encoder, 'conv'.* Valid here: widths, depth"
    )
    with pytest.raises(ComponentError, match=message):
        check_options(MLPEncoder, {"channels": [32]}, "model.encoder")


def test_a_bias_is_subtracted_from_the_data_first():
    encoder = MLPEncoder(data_shape=(2, 3), condition_dim=0, widths=[], pre_bias=True)
    x = torch.randn(4, 2, 3)
    assert torch.equal(encoder(x), x.flatten(1))
    with torch.no_grad():
        encoder.pre_bias.normal_()
    torch.testing.assert_close(encoder(x), x.flatten(1) - encoder.pre_bias)
    assert MLPEncoder(data_shape=(2, 3), condition_dim=0).pre_bias is None
