"""Sizes and convolutions that halve images and series, double them again, or keep their size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from torch import nn

Size = tuple[int, ...]
"""Height and width of an image, (H, W), or the length of a series, (L,)."""

_CONVOLUTIONS: Mapping[int, type[nn.Conv1d | nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
_TRANSPOSED: Mapping[int, Callable[..., nn.ConvTranspose1d | nn.ConvTranspose2d]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
}


def halvings(size: Sequence[int], times: int) -> list[Size]:
    """Return a size and its halvings, rounded up, from large to small.

    Example:
        >>> halvings((28, 9), 2)
        [(28, 9), (14, 5), (7, 3)]
    """
    sizes = [tuple(size)]
    for _ in range(times):
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
    return sizes


def keep_size(inputs: int, outputs: int, *, dims: int = 2, bias: bool = True) -> nn.Conv1d | nn.Conv2d:
    """Return a convolution of kernel size 3 that keeps the size of its maps.

    Args:
        dims: axes of a map: 2 for images, 1 for series.

    Example:
        >>> import torch
        >>> keep_size(1, 4, dims=1)(torch.zeros(2, 1, 9)).shape
        torch.Size([2, 4, 9])
    """
    return _CONVOLUTIONS[dims](inputs, outputs, 3, padding=1, bias=bias)


def halve(inputs: int, outputs: int, *, dims: int = 2, bias: bool = True) -> nn.Conv1d | nn.Conv2d:
    """Return the convolution that takes maps of n pixels a side to ⌈n/2⌉.

    Args:
        dims: axes of a map: 2 for images, 1 for series.

    Example:
        >>> import torch
        >>> halve(1, 4)(torch.zeros(2, 1, 28, 9)).shape
        torch.Size([2, 4, 14, 5])
    """
    return _CONVOLUTIONS[dims](inputs, outputs, 3, stride=2, padding=1, bias=bias)


def double(
    inputs: int, outputs: int, *, to: Sequence[int], bias: bool = True
) -> nn.ConvTranspose1d | nn.ConvTranspose2d:
    """Return the transposed convolution that undoes a halving: maps of ⌈n/2⌉ pixels a side become exactly n.

    Its kernel of 4 is divisible by its stride of 2, so each pixel sums equally many terms and no checkerboard shows.
    For an odd n its padding leaves out the first row or column, which costs no copy.

    Args:
        to: the size of the result: height and width, or a length.

    Source:
        Odena, Dumoulin & Olah (2016), Deconvolution and Checkerboard Artifacts.
        https://distill.pub/2016/deconv-checkerboard

    Example:
        >>> import torch
        >>> double(4, 1, to=(28, 9))(torch.zeros(2, 4, 14, 5)).shape
        torch.Size([2, 1, 28, 9])
    """
    odd = tuple(side % 2 for side in to)
    layer = _TRANSPOSED[len(to)](
        inputs, outputs, 4, stride=2, padding=tuple(1 + each for each in odd), output_padding=odd, bias=bias
    )
    # For transposed convolutions, PyTorch's initialisation uses the number of outputs in place of the inputs, so the
    # weights of a last layer with one channel would be several times too large. Each pixel sums 2 taps on each axis of
    # every input channel.
    bound = 1 / math.sqrt(2 ** len(to) * inputs)
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound)
    return layer
