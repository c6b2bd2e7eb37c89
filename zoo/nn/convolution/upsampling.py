"""The stages that convolutional decoders share: from a small map to data of an exact size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from zoo.nn.convolution.maps import double, halvings
from zoo.nn.layers.blocks import Block, BlockOptions, Chain, same_size_block


def upsampling_stages(
    first: nn.Module, channels: Sequence[int], depth: int, options: BlockOptions, outputs: int, size: Sequence[int]
) -> tuple[Chain, nn.Module]:
    """Return blocks that double the size of a map at each stage, and the last layer, which returns maps of ``size``.

    They mirror the encoder ``conv``: each doubling restores the size before the corresponding halving.

    Args:
        first: the layer that returns the input of the first stage, channels[0] maps of the smallest size.
        channels: maps of each stage, from the smallest size to the largest.
        depth: convolutions of each stage; the last of them doubles.
        options: what follows each layer but the last.
        outputs: channels of the data.
        size: of the data: height and width, or a length.

    Example:
        >>> import torch
        >>> blocks, last = upsampling_stages(nn.Identity(), [8, 4], 1, BlockOptions(), 3, (17, 28))
        >>> last(blocks(torch.randn(5, 8, 5, 7))).shape
        torch.Size([5, 3, 17, 28])
    """
    dims, sizes = len(size), halvings(size, len(channels))[-2::-1]
    blocks, layer = Chain(), first
    for index, (maps, next_maps, larger) in enumerate(zip(channels, [*channels[1:], outputs], sizes, strict=True)):
        blocks.append(Block(layer, maps, options, dims=dims))
        blocks.extend(same_size_block(maps, options, dims=dims) for _ in range(depth - 1))
        is_last = index == len(channels) - 1
        layer = double(maps, next_maps, to=larger, bias=options.bias or is_last)
    return blocks, layer
