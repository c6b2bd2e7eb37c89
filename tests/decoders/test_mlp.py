"""The fully connected decoder."""

import pytest
import torch
from torch import nn

from zoo.decoders.mlp import MLPDecoder


@pytest.mark.parametrize("shape", [(1,), (13,), (3, 5), (1, 4, 4), (2, 3, 4, 5)])
def test_gives_data_of_any_shape(shape):
    decoder = MLPDecoder(latent_dim=2, output_shape=shape, condition_dim=0, widths=[7])
    assert decoder(torch.randn(4, 2)).shape == (4, *shape)


def test_is_affine_after_its_hidden_layers():
    decoder = MLPDecoder(latent_dim=3, output_shape=(2, 5), condition_dim=0, widths=[4, 6], activation="silu")
    z = torch.randn(7, 3)
    hidden = z
    for block in decoder.blocks:
        hidden = nn.functional.silu(block.layer(hidden))
    expected = hidden @ decoder.output.weight.T + decoder.output.bias
    torch.testing.assert_close(decoder(z), expected.view(7, 2, 5))
