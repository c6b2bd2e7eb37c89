"""The convolutional encoder."""

import math

import pytest
import torch

import zoo
from zoo.encoders.conv import ConvEncoder
from zoo.errors import ComponentError


@pytest.mark.parametrize("size", range(8, 34))
@pytest.mark.parametrize("stages", [1, 2, 4, 6])
def test_takes_images_of_any_size_and_channels(size, stages):
    shape = (1 + size % 4, size, 41 - size)
    encoder = ConvEncoder(data_shape=shape, condition_dim=0, channels=[3] * stages)
    assert encoder(torch.rand(2, *shape)).shape == (2, *encoder.feature_shape)
    assert encoder.features == math.prod(encoder.feature_shape)


def test_each_stage_halves_the_image_rounding_up():
    encoder = ConvEncoder(data_shape=(1, 28, 9), condition_dim=0, channels=[4, 5], depth=2)
    assert encoder.feature_shape == (5, 7, 3)


@pytest.mark.parametrize("length", [8, 13, 100])
def test_takes_series_of_any_length(length):
    encoder = ConvEncoder(
        data_shape=(3, length), condition_dim=2, channels=[4, 5], depth=2, normalisation="batch", dropout=0.1
    )
    features = encoder(torch.rand(6, 3, length), torch.randn(6, 2))
    assert features.shape == (6, 5, -(-length // 4)) == (6, *encoder.feature_shape)


def test_a_vae_of_series_learns():
    torch.manual_seed(0)
    model = zoo.build(
        {
            "objective": "vae",
            "data_shape": (2, 37),
            "latent_dim": 3,
            "classes": 3,
            "encoder": {"name": "conv", "channels": [4, 8]},
            "posterior": "diagonal_gaussian",
            "decoder": {"name": "conv", "channels": [8, 4]},
            "likelihood": "gaussian",
        }
    )
    x, labels = torch.randn(12, 1, 1) + torch.linspace(0, 6, 37).sin().expand(12, 2, 37), torch.arange(12) % 3
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-2), []
    for _ in range(30):
        optimizer.zero_grad()
        loss = model.loss(x, labels).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert model.sample(2, labels[:2]).shape == (2, 2, 37)


def test_a_hidden_layer_sets_the_features():
    encoder = ConvEncoder(data_shape=(1, 28, 28), condition_dim=0, hidden=11)
    assert encoder(torch.rand(2, 1, 28, 28)).shape == (2, *encoder.feature_shape) == (2, 11)
    assert encoder.features == 11


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("axis", [-2, -1])
def test_a_shifted_image_has_shifted_features(axis, depth):
    """Height stays height: two stages take a shift by four pixels to one by one place on the same axis."""
    torch.manual_seed(0)
    encoder = ConvEncoder(data_shape=(2, 48, 56), condition_dim=0, channels=[4, 6], depth=depth)
    x = torch.rand(1, 2, 48, 56)

    def maps(x, start):
        # Four places, clear of the zeros around the image and of the pixels that the shift wraps around.
        return encoder(x)[0].narrow(axis, start, 4)

    torch.testing.assert_close(maps(x.roll(4, axis), start=5), maps(x, start=4))
    assert not torch.allclose(maps(x.roll(4, axis), start=4), maps(x, start=4), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 7, 8), (3, 64, 4), (1, 1, 784)])
def test_smaller_images_are_refused_with_their_size(shape):
    with pytest.raises(
        ComponentError, match=f"expected images of at least 8×8 pixels, got {shape[1]}×{shape[2]}"
    ) as refusal:
        ConvEncoder(data_shape=shape, condition_dim=0)
    assert refusal.value.where == "data_shape"
    assert refusal.value.remedy.startswith("Use `mlp`")


@pytest.mark.parametrize("shape", [(784,), (1, 8, 8, 8)])
def test_data_that_are_neither_images_nor_series_are_refused_with_their_shape(shape):
    with pytest.raises(
        ComponentError, match=r"expected images of shape \(channels, height, width\) or series"
    ) as refusal:
        ConvEncoder(data_shape=shape, condition_dim=0)
    assert str(shape) in str(refusal.value)
    assert refusal.value.remedy.startswith("Use `mlp`")
