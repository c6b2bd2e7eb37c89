"""Convolutions over series: lengths, kernels, and what is repeated."""

from __future__ import annotations

import pytest
import torch

from zoo.errors import ComponentError
from zoo.nn.convolution.maps import halvings
from zoo.nn.convolution.series import Lengthen, check_kernel, lengths, series_block, series_shape
from zoo.nn.layers.blocks import BlockOptions


def test_vectors_are_series_of_one_channel_and_images_are_read_row_by_row() -> None:
    assert [series_shape(shape) for shape in [(7,), (3, 100), (3, 8, 5)]] == [(1, 7), (3, 100), (3, 40)]


@pytest.mark.parametrize("kernel_size", [1, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_block_of_any_odd_kernel_takes_a_length_to_its_share_rounded_up(kernel_size: int, stride: int) -> None:
    block = series_block(2, 3, check_kernel(kernel_size), BlockOptions(), stride=stride)
    assert block.layer.kernel_size == (kernel_size,)
    for length in range(1, 12):
        assert block(torch.zeros(1, 2, length)).shape == (1, 3, -(-length // stride))


def test_a_block_keeps_places_where_they_were() -> None:
    block = series_block(1, 1, 5, BlockOptions("elu"))
    x = torch.zeros(1, 1, 11)
    x[0, 0, 6] = 1
    changed = (block(x) != block(torch.zeros(1, 1, 11)))[0, 0].nonzero()[:, 0]
    assert changed.tolist() == [4, 5, 6, 7, 8]


def test_dropout_drops_whole_channels_of_single_series() -> None:
    torch.manual_seed(0)
    dropped = series_block(2, 16, 3, BlockOptions("elu", dropout=0.5))(torch.randn(8, 2, 9)) == 0
    assert torch.equal(dropped.all(2), dropped.any(2))
    assert 0.3 < dropped.float().mean() < 0.7
    assert (dropped.any(2) != dropped.any(2)[0]).any()


def test_a_kernel_that_would_shift_is_refused() -> None:
    with pytest.raises(ComponentError, match="kernel_size: expected an odd number, got 4"):
        check_kernel(4)


@pytest.mark.parametrize("length", [1, 9, 64, 100])
def test_lengths_are_halved_like_images(length: int) -> None:
    assert list(lengths(length, 3)) == [each for (each,) in halvings((length,), 3)]


def test_steps_are_repeated_evenly() -> None:
    assert Lengthen(5)(torch.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[1, 1, 2, 2, 3]]]
