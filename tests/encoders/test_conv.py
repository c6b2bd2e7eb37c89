"""The convolutional encoder."""

import pytest
import torch

from zoo.encoders.conv import ConvEncoder
from zoo.errors import ComponentError


@pytest.mark.parametrize("size", range(8, 34))
@pytest.mark.parametrize("stages", [1, 2, 4, 6])
def test_takes_images_of_any_size_and_channels(size, stages):
    shape = (1 + size % 4, size, 41 - size)
    encoder = ConvEncoder(data_shape=shape, condition_dim=0, channels=[3] * stages)
    assert encoder(torch.rand(2, *shape)).shape == (2, encoder.features)


def test_each_stage_halves_the_image_rounding_up():
    encoder = ConvEncoder(data_shape=(1, 28, 9), condition_dim=0, channels=[4, 5], depth=2)
    assert encoder.features == 5 * 7 * 3


def test_a_hidden_layer_sets_the_features():
    encoder = ConvEncoder(data_shape=(1, 28, 28), condition_dim=0, hidden=11)
    assert encoder(torch.rand(2, 1, 28, 28)).shape == (2, encoder.features) == (2, 11)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("axis", [-2, -1])
def test_a_shifted_image_has_shifted_features(axis, depth):
    """Height stays height: two stages take a shift by four pixels to one by one place on the same axis."""
    torch.manual_seed(0)
    encoder = ConvEncoder(data_shape=(2, 48, 56), condition_dim=0, channels=[4, 6], depth=depth)
    x = torch.rand(1, 2, 48, 56)

    def maps(x, start):
        # Four places, clear of the zeros around the image and of the pixels that the shift wraps around.
        return encoder(x).view(6, 12, 14).narrow(axis, start, 4)

    torch.testing.assert_close(maps(x.roll(4, axis), start=5), maps(x, start=4))
    assert not torch.allclose(maps(x.roll(4, axis), start=4), maps(x, start=4), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 7, 8), (3, 64, 4), (1, 1, 784)])
def test_smaller_images_are_refused_with_their_size(shape):
    with pytest.raises(ComponentError, match=f"expected 8×8 pixels, got {shape[1]}×{shape[2]}") as refusal:
        ConvEncoder(data_shape=shape, condition_dim=0)
    assert refusal.value.where == "data_shape"
    assert refusal.value.remedy.startswith("Use `mlp`")


@pytest.mark.parametrize("shape", [(784,), (28, 28), (1, 8, 8, 8)])
def test_what_is_no_image_is_refused_with_its_shape(shape):
    with pytest.raises(ComponentError, match=r"\(channels, height, width\) were needed") as refusal:
        ConvEncoder(data_shape=shape, condition_dim=0)
    assert str(shape) in str(refusal.value)
    assert refusal.value.remedy.startswith("Use `mlp`")
