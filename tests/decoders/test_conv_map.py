"""The convolutional decoder of latent maps."""

import pytest
import torch

from zoo.decoders.conv_map import ConvMapDecoder
from zoo.encoders.conv import ConvEncoder
from zoo.errors import ComponentError


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (17, 30), (33, 9), (13,), (100,)], ids=str)
@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("depth", [1, 2])
def test_maps_of_the_encoder_become_data_again_through_the_same_sizes(size, stages, depth):
    def sizes(network, batch):
        passed = []
        for block in network.blocks:
            block.register_forward_hook(lambda _, __, maps: passed.append(tuple(maps.shape[2:])))
        assert network(batch).isfinite().all()
        return passed

    encoder = ConvEncoder(data_shape=(2, *size), condition_dim=0, channels=[4] * stages, depth=depth)
    shape = (3, *encoder.feature_shape[1:])
    decoder = ConvMapDecoder(
        latent_shape=shape, output_shape=(2, *size), condition_dim=0, channels=[4] * stages, depth=depth
    )
    assert sizes(decoder, torch.zeros(1, *shape)) == sizes(encoder, torch.zeros(1, 2, *size))[::-1]
    assert decoder(torch.randn(3, *shape)).shape == (3, 2, *size)


@pytest.mark.parametrize("axis", [-2, -1])
def test_a_place_of_the_map_is_decoded_into_its_part_of_the_image(axis):
    """Height stays height: a shift by one place on an axis of the map shifts the image by four pixels on it."""
    torch.manual_seed(0)
    decoder = ConvMapDecoder(latent_shape=(3, 12, 14), output_shape=(1, 48, 56), condition_dim=0, channels=[6, 4])
    z = torch.randn(1, 3, 12, 14)
    moved = decoder(z.roll(1, axis)).narrow(axis, 20, 16)
    torch.testing.assert_close(moved, decoder(z).narrow(axis, 16, 16))
    assert not torch.allclose(moved, decoder(z).narrow(axis, 20, 16), atol=1e-3)


def test_a_place_reaches_only_its_neighbourhood():
    decoder = ConvMapDecoder(latent_shape=(3, 8, 8), output_shape=(1, 32, 32), condition_dim=0)
    z = torch.randn(1, 3, 8, 8)
    other = z.clone()
    other[..., 0, 0] += 1
    changed = (decoder(other) != decoder(z))[0, 0]
    assert changed[:4, :4].any()
    assert not changed[16:].any()
    assert not changed[:, 16:].any()


@pytest.mark.parametrize(
    ("latent_shape", "message", "remedy"),
    [
        ((2,), r"expected latent maps of shape \(D, h, w\), got latents of shape \(2,\)", "Use the decoder `conv`"),
        ((2, 7), r"expected latent maps of shape \(D, h, w\), got", "Use the decoder `conv`"),
        ((2, 14, 14), "expected latent maps of 7×7 places, at which 2 halvings of 28×28 end, got 14×14", "1 entries"),
        ((2, 4, 4), "of 7×7 places, .* got 4×4", "Give `channels` 3 entries"),
        ((2, 9, 9), "of 7×7 places, .* got 9×9", "Give encoder and decoder the same number of `channels`"),
    ],
)
def test_latents_that_are_no_map_of_the_right_size_are_refused_with_a_remedy(latent_shape, message, remedy):
    with pytest.raises(ComponentError, match=message) as refusal:
        ConvMapDecoder(latent_shape=latent_shape, output_shape=(1, 28, 28), condition_dim=0)
    assert remedy in refusal.value.remedy
