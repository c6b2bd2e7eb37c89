"""Halving and doubling of images and series."""

import pytest
import torch

from zoo.nn.convolution.maps import double, halve, halvings, keep_size

SIZES = [(n, 41 - n) for n in range(1, 41)]


@pytest.mark.parametrize("size", SIZES)
def test_halving_and_doubling_arrive_at_the_announced_sizes(size):
    larger, smaller = halvings(size, 1)
    maps = halve(2, 3)(torch.zeros(1, 2, *larger))
    assert maps.shape == (1, 3, *smaller)
    assert double(3, 2, to=larger)(maps).shape == (1, 2, *larger)


@pytest.mark.parametrize("length", range(1, 41))
def test_series_are_halved_and_doubled_like_images(length):
    maps = halve(2, 3, dims=1)(torch.zeros(1, 2, length))
    assert maps.shape == (1, 3, *halvings((length,), 1)[1])
    assert keep_size(3, 4, dims=1)(maps).shape == (1, 4, *halvings((length,), 1)[1])
    layer = double(3, 2, to=(length,))
    assert layer(maps).shape == (1, 2, length)
    torch.nn.init.ones_(layer.weight)
    terms = layer(torch.ones_like(maps))[0, 0] - layer.bias[0]
    torch.testing.assert_close(terms[1:-1], torch.full_like(terms[1:-1], 2 * 3))


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (13, 11)])
def test_every_pixel_sums_equally_many_terms_so_that_no_checkerboard_shows(size):
    layer = double(1, 1, to=size, bias=False)
    torch.nn.init.ones_(layer.weight)
    terms = layer(torch.ones(1, 1, *halvings(size, 1)[1]))[0, 0]
    assert (terms[1:-1, 1:-1] == 4).all()
    assert terms.min() >= 1


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (13, 11)])
def test_doubling_leaves_places_where_they_were(size):
    """A pixel's copies lie around twice its row and column: nothing is transposed or flipped."""
    layer = double(1, 1, to=size, bias=False)
    torch.nn.init.ones_(layer.weight)
    for row, column in [(1, 1), (1, 2), (2, 1)]:
        maps = torch.zeros(1, 1, *halvings(size, 1)[1])
        maps[0, 0, row, column] = 1
        reached = layer(maps)[0, 0].nonzero().float()
        assert (reached.mean(0) - 2 * torch.tensor([row, column])).abs().max() <= 0.5


@pytest.mark.parametrize("outputs", [1, 3, 32])
@pytest.mark.parametrize("size", [(32, 32), (512,)], ids=["images", "series"])
def test_doubling_keeps_the_scale_of_a_linear_layer_whatever_its_outputs(outputs, size):
    torch.manual_seed(0)
    out = double(64, outputs, to=size, bias=False)(torch.randn(4, 64, *halvings(size, 1)[1]))
    reference = torch.nn.Linear(64 * 2 ** len(size), 1, bias=False)(torch.randn(4096, 64 * 2 ** len(size)))
    assert 0.8 < out.std() / reference.std() < 1.25


def test_layers_have_a_bias_unless_none_is_wanted():
    for bias in (True, False):
        layers = [keep_size(1, 2, bias=bias), halve(1, 2, bias=bias), double(1, 2, to=(3, 3), bias=bias)]
        assert [layer.bias is not None for layer in layers] == [bias] * 3
    assert all(layer.bias is not None for layer in (keep_size(1, 2), halve(1, 2), double(1, 2, to=(3, 3))))
