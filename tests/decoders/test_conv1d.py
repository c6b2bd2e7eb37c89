"""The convolutional decoder of series."""

import pytest
import torch

from zoo.decoders.conv1d import Conv1dDecoder
from zoo.encoders.conv1d import Conv1dEncoder
from zoo.errors import ComponentError


@pytest.mark.parametrize("length", [*range(1, 18), 100, 101])
@pytest.mark.parametrize("stages", [1, 3])
def test_ends_at_exactly_the_length_asked_for(length, stages):
    decoder = Conv1dDecoder(latent_dim=2, output_shape=(3, length), condition_dim=0, channels=[4] * stages)
    assert decoder(torch.randn(6, 2)).shape == (6, 3, length)


@pytest.mark.parametrize("length", [5, 64, 101])
def test_passes_the_lengths_of_the_encoder_in_reverse(length):
    def passed(network, batch):
        found = []
        for block in network.blocks:
            block.register_forward_hook(lambda _, __, maps: found.append(maps.shape[-1]))
        network(batch)
        return found

    encoder = Conv1dEncoder(data_shape=(1, length), condition_dim=0, channels=[4, 5, 6])
    decoder = Conv1dDecoder(latent_dim=2, output_shape=(1, length), condition_dim=0, channels=[6, 5, 4])
    assert passed(decoder, torch.zeros(1, 2)) == [*reversed(passed(encoder, torch.zeros(1, 1, length))), length]


def test_every_step_of_a_constant_code_is_alike_away_from_the_ends():
    decoder = Conv1dDecoder(latent_dim=2, output_shape=(1, 64), condition_dim=0, channels=[3, 3], hidden=None)
    first = decoder.blocks[0].layer[0]
    with torch.no_grad():
        first.weight.zero_()
        first.bias.fill_(1.0)
    series = decoder(torch.randn(1, 2))[0, 0, 20:44]
    torch.testing.assert_close(series, series[:1].expand(24))


def test_even_kernels_are_refused():
    with pytest.raises(ComponentError, match="kernel_size: expected an odd number, got 6"):
        Conv1dDecoder(latent_dim=2, output_shape=(1, 8), condition_dim=0, kernel_size=6)
