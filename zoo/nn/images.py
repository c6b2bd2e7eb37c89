"""Sizes and layers that take images to half their size and back."""

from __future__ import annotations

import math

from torch import nn


def halvings(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """Return an image's size (height, width) and its halvings, rounded up, from large to small.

    Example:
        >>> halvings((28, 9), 2)
        [(28, 9), (14, 5), (7, 3)]
    """
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def halve(inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    """Return the convolution that takes maps of n pixels a side to ⌈n/2⌉.

    Example:
        >>> import torch
        >>> halve(1, 4)(torch.zeros(2, 1, 28, 9)).shape
        torch.Size([2, 4, 14, 5])
    """
    return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=bias)


def double(inputs: int, outputs: int, *, to: tuple[int, int], bias: bool = True) -> nn.ConvTranspose2d:
    """Return the transposed convolution that undoes a halving: maps of ⌈n/2⌉ pixels a side go to exactly n.

    Its kernel of 4 is divisible by its stride of 2, so that each pixel gets equally many terms and no
    checkerboard shows. To an odd n it leaves out the first row or column by its padding, which costs no copy.

    Args:
        to: the height and width to arrive at.

    Source:
        Odena, Dumoulin & Olah (2016), Deconvolution and Checkerboard Artifacts.
        https://distill.pub/2016/deconv-checkerboard

    Example:
        >>> import torch
        >>> double(4, 1, to=(28, 9))(torch.zeros(2, 4, 14, 5)).shape
        torch.Size([2, 1, 28, 9])
    """
    odd = (to[0] % 2, to[1] % 2)
    layer = nn.ConvTranspose2d(
        inputs, outputs, 4, stride=2, padding=(1 + odd[0], 1 + odd[1]), output_padding=odd, bias=bias
    )
    # PyTorch takes the outputs for the inputs here, which makes a last layer of one channel start several
    # times too large. Each pixel sums 2×2 taps of every input channel.
    bound = 1 / math.sqrt(4 * inputs)
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound)
    return layer
