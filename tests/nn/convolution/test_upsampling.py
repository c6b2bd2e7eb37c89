"""The doubling stages of convolutional decoders."""

import pytest
import torch
from torch import nn

from zoo.nn.convolution.maps import halvings
from zoo.nn.convolution.upsampling import upsampling_stages
from zoo.nn.layers.blocks import BlockOptions


@pytest.mark.parametrize("size", [(8, 8), (17, 30), (9, 33), (21,)], ids=str)
@pytest.mark.parametrize("depth", [1, 3])
def test_stages_arrive_at_the_exact_size(size, depth):
    blocks, last = upsampling_stages(nn.Identity(), [6, 5, 4], depth, BlockOptions("silu", "batch"), 2, size)
    assert last(blocks(torch.randn(2, 6, *halvings(size, 3)[-1]))).shape == (2, 2, *size)
    assert len(blocks) == 3 * depth


def test_only_the_last_layer_keeps_its_bias_before_batch_normalisation():
    blocks, last = upsampling_stages(nn.Identity(), [6, 5], 1, BlockOptions(normalisation="batch"), 2, (8, 8))
    assert blocks[1].layer.bias is None
    assert last.bias is not None
