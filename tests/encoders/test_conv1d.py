"""The convolutional encoder of series."""

import pytest
import torch

import zoo
from zoo.encoders.conv1d import Conv1dEncoder
from zoo.errors import ComponentError
from zoo.runs.data_fit import notes_on


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 31, 100])
@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_halves_series_of_any_length(length, kernel_size):
    encoder = Conv1dEncoder(data_shape=(3, length), condition_dim=0, channels=[4, 5], kernel_size=kernel_size, depth=2)
    shortest = ((length + 1) // 2 + 1) // 2
    assert encoder(torch.randn(6, 3, length)).shape == (6, 5, shortest) == (6, *encoder.feature_shape)
    assert encoder.features == 5 * shortest


def test_a_series_that_is_moved_by_a_stride_has_moved_features():
    encoder = Conv1dEncoder(data_shape=(1, 64), condition_dim=0, channels=[4, 8], kernel_size=5)
    x = torch.zeros(1, 1, 64)
    x[..., 24:32] = torch.randn(8)
    features, moved = encoder(x), encoder(x.roll(4, -1))
    torch.testing.assert_close(moved[..., 4:12], features[..., 3:11])


def test_a_vector_is_a_series_of_one_channel_and_an_image_is_read_row_by_row():
    torch.manual_seed(0)
    as_vector = Conv1dEncoder(data_shape=(12,), condition_dim=0)
    as_image = Conv1dEncoder(data_shape=(1, 3, 4), condition_dim=0)
    as_image.load_state_dict(as_vector.state_dict())
    x = torch.randn(5, 12)
    torch.testing.assert_close(as_vector(x), as_image(x.view(5, 1, 3, 4)))


@pytest.mark.parametrize(("shape", "cautioned"), [((12,), False), ((2, 12), False), ((1, 3, 4), True)])
def test_a_run_on_images_says_that_another_encoder_is_better(shape, cautioned):
    data = zoo.load_data(torch.rand(20, *shape), series=len(shape) == 2)
    model = zoo.build("vae-series-8d", data_shape=shape, data_range=None)
    assert any("such as `conv`" in note for note in notes_on(model, data)) == cautioned


def test_an_even_kernel_is_refused():
    with pytest.raises(ComponentError, match="kernel_size: expected an odd number, got 4"):
        Conv1dEncoder(data_shape=(1, 8), condition_dim=0, kernel_size=4)
