"""The convolutional decoder."""

import pytest
import torch

from zoo.decoders.conv import ConvDecoder
from zoo.encoders.conv import ConvEncoder
from zoo.errors import ComponentError


@pytest.mark.parametrize("size", range(8, 34))
@pytest.mark.parametrize("stages", [1, 2, 4, 6])
def test_ends_at_exactly_the_size_asked_for(size, stages):
    shape = (1 + size % 4, size, 41 - size)
    decoder = ConvDecoder(latent_dim=2, output_shape=shape, condition_dim=0, channels=[3] * stages)
    assert decoder(torch.randn(2, 2)).shape == (2, *shape)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (17, 30), (33, 9)])
@pytest.mark.parametrize("depth", [1, 2])
def test_passes_the_sizes_of_the_encoder_in_reverse(size, depth):
    def sizes(network, batch):
        passed = []
        for block in network.blocks:
            block.register_forward_hook(lambda _, __, maps: passed.append(tuple(maps.shape[1:])))
        network(batch)
        return passed

    encoder = ConvEncoder(data_shape=(1, *size), condition_dim=0, channels=[4, 5, 6], depth=depth)
    decoder = ConvDecoder(latent_dim=2, output_shape=(1, *size), condition_dim=0, channels=[6, 5, 4], depth=depth)
    assert sizes(decoder, torch.zeros(1, 2)) == sizes(encoder, torch.zeros(1, 1, *size))[::-1]


@pytest.mark.parametrize("length", [8, 13, 100])
def test_makes_series_of_any_length(length):
    decoder = ConvDecoder(latent_dim=2, output_shape=(3, length), condition_dim=0, channels=[4, 5], depth=2)
    assert decoder(torch.randn(6, 2)).shape == (6, 3, length)


@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_the_last_layer_has_a_bias_and_no_activation(normalisation):
    decoder = ConvDecoder(
        latent_dim=2,
        output_shape=(3, 16, 16),
        condition_dim=0,
        activation="relu",
        normalisation=normalisation,
    ).eval()
    z = torch.randn(4, 2)
    before = decoder(z)
    assert before.min() < 0 < before.max()
    with torch.no_grad():
        decoder.output.bias += torch.tensor([1.0, 2.0, 3.0])
    moved = (decoder(z) - before).mean((0, 2, 3))
    torch.testing.assert_close(moved, torch.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("shape", [(1, 7, 8), (784,)])
def test_outputs_that_cannot_be_halved_are_refused(shape):
    with pytest.raises(ComponentError, match="expected images of") as refusal:
        ConvDecoder(latent_dim=2, output_shape=shape, condition_dim=0)
    assert refusal.value.where == "output_shape"
    assert refusal.value.remedy.startswith("Use `mlp`")
