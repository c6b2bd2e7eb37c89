"""Blocks: a layer with all that follows it."""

import torch
from torch import nn

from zoo.nn.layers.blocks import Block, BlockOptions, Chain, linear_block, linear_chain, same_size_block


def test_parts_act_in_the_order_layer_normalisation_modulation_activation():
    block = linear_block(3, 8, BlockOptions("tanh", "layer", condition_dim=2))
    nn.init.normal_(block.modulation.linear.weight)
    h, condition = torch.randn(5, 3), torch.randn(5, 2)
    scale, shift = block.modulation.linear(condition).chunk(2, dim=1)
    expected = (nn.functional.layer_norm(block.layer(h), (8,)) * (1 + scale) + shift).tanh()
    torch.testing.assert_close(block(h, condition), expected)


def test_dropout_drops_whole_maps_of_images_and_single_units_of_vectors():
    torch.manual_seed(0)
    maps = same_size_block(32, BlockOptions("elu", dropout=0.5))(torch.randn(4, 32, 6, 6))
    dropped = (maps == 0).flatten(2)
    assert torch.equal(dropped.all(2), dropped.any(2))
    assert 0.3 < dropped.float().mean() < 0.7
    units = linear_block(32, 32, BlockOptions("elu", dropout=0.5))(torch.randn(64, 32)) == 0
    assert 0.4 < units.float().mean() < 0.6


def test_a_layer_before_batch_normalisation_has_no_bias():
    assert linear_block(3, 4, BlockOptions(normalisation="batch")).layer.bias is None
    assert same_size_block(4, BlockOptions(normalisation="batch")).layer.bias is None
    assert linear_block(3, 4, BlockOptions(normalisation="layer")).layer.bias is not None


def test_any_layer_can_be_the_layer_of_a_block():
    layer = nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (2, 2, 2)))
    assert Block(layer, 2, BlockOptions(), dims=2)(torch.zeros(5, 3)).shape == (5, 2, 2, 2)


def test_a_chain_hands_the_condition_to_each_block():
    chain = linear_chain(3, [4, 5], 2, BlockOptions("silu", condition_dim=2))
    chain(torch.randn(6, 3), torch.randn(6, 2)).sum().backward()
    assert all(block.modulation.linear.weight.grad.any() for block in chain)


def test_an_empty_chain_changes_nothing():
    h = torch.randn(2, 3)
    assert Chain()(h) is h
