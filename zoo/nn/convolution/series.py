"""Convolutions over series of any length, with kernels of any odd size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.layers.blocks import Block, BlockOptions


def series_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the channels and the length of data that are treated as a series; (C, T) is unchanged.

    A vector is a series of one channel, and images are read row by row.

    Example:
        >>> series_shape((3, 100)), series_shape((7,)), series_shape((3, 8, 8))
        ((3, 100), (1, 7), (3, 64))
    """
    return (1, shape[0]) if len(shape) == 1 else (shape[0], math.prod(shape[1:]))


def check_kernel(kernel_size: int) -> int:
    """Return the size of a kernel, which must be odd: an even kernel would shift a series by half a step.

    Raises:
        ComponentError: it is even.
    """
    if kernel_size % 2 == 0:
        raise ComponentError(f"expected an odd number, got {kernel_size}", where="kernel_size")
    return kernel_size


def series_block(inputs: int, outputs: int, kernel_size: int, options: BlockOptions, *, stride: int = 1) -> Block:
    """Return a block with a convolution that takes series of T steps to ⌈T/stride⌉.

    Example:
        >>> import torch
        >>> series_block(1, 4, 5, BlockOptions(), stride=2)(torch.zeros(2, 1, 9)).shape
        torch.Size([2, 4, 5])
    """
    layer = nn.Conv1d(inputs, outputs, kernel_size, stride=stride, padding=kernel_size // 2, bias=options.bias)
    return Block(layer, outputs, options, dims=1)


class Lengthen(nn.Module):
    """Repeats the steps of a series to reach an exact length; a convolution after it smooths the result.

    Example:
        >>> import torch
        >>> Lengthen(5)(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[1., 1., 2., 2., 3.]]])
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, series: Tensor) -> Tensor:
        """Map series (B, C, T) to (B, C, length)."""
        return F.interpolate(series, size=self.length, mode="nearest")


def lengths(length: int, stages: int) -> Sequence[int]:
    """Return a length and its halvings, rounded up, from long to short.

    Example:
        >>> lengths(9, 3)
        [9, 5, 3, 2]
    """
    found = [length]
    for _ in range(stages):
        found.append(-(-found[-1] // 2))
    return found
