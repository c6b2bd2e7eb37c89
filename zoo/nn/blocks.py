"""Blocks: a layer with all that follows it, and blocks in a row."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from zoo.nn.activations import ActivationName, activation
from zoo.nn.modulation import Modulation
from zoo.nn.normalisations import NormalisationName, normalisation


@dataclass(frozen=True)
class BlockOptions:
    """What follows each layer of a network.

    Args:
        activation: the nonlinearity.
        normalisation: what normalises the layer's outputs before the condition acts on them.
        dropout: the share of units, or of whole maps, that training sets to zero.
        condition_dim: length of the condition vector; 0: no condition.
    """

    activation: ActivationName = "relu"
    normalisation: NormalisationName = "none"
    dropout: float = 0.0
    condition_dim: int = 0

    @property
    def bias(self) -> bool:
        """Whether the layer before has use for a bias: batch normalisation takes it away with the mean."""
        return self.normalisation != "batch"


class Block(nn.Module):
    """A layer, then normalisation, modulation by a condition, activation and dropout, each where asked for.

    Of images, dropout drops whole maps: neighbouring pixels say the same, so that dropping single ones would
    hide little.

    Shapes:
        the layer's inputs, condition (B, condition_dim) or None → (B, width), or (B, width, H, W) of images.

    Source:
        Tompson et al. (2015), Efficient Object Localization Using Convolutional Networks, section 3.2.
        https://arxiv.org/abs/1411.4280

    Example:
        >>> import torch
        >>> options = BlockOptions("silu", "group", condition_dim=5)
        >>> block = Block(nn.Conv2d(3, 8, 3, padding=1), 8, options, images=True)
        >>> block(torch.randn(2, 3, 9, 9), torch.randn(2, 5)).shape
        torch.Size([2, 8, 9, 9])
    """

    def __init__(self, layer: nn.Module, width: int, options: BlockOptions, *, images: bool = False) -> None:
        super().__init__()
        # What is not asked for is not there: to call a module that does nothing costs as much as a small layer.
        self.normalisation: nn.Module | None = None
        self.modulation: Modulation | None = None
        self.dropout: nn.Module | None = None
        self.layer = layer
        if options.normalisation != "none":
            self.normalisation = normalisation(options.normalisation, width, images=images)
        if options.condition_dim:
            self.modulation = Modulation(width=width, condition_dim=options.condition_dim)
        self.activation = activation(options.activation)
        if options.dropout:
            self.dropout = (nn.Dropout2d if images else nn.Dropout)(options.dropout)

    def forward(self, h: Tensor, condition: Tensor | None = None) -> Tensor:
        """Pass a batch through all parts in turn."""
        h = self.layer(h)
        if self.normalisation is not None:
            h = self.normalisation(h)
        if self.modulation is not None and condition is not None:
            h = self.modulation(h, condition)
        h = self.activation(h)
        return h if self.dropout is None else self.dropout(h)


class Chain(nn.ModuleList):
    """Blocks in a row, all of which see the same condition.

    Example:
        >>> import torch
        >>> chain = Chain([linear_block(3, 4, BlockOptions()), linear_block(4, 5, BlockOptions())])
        >>> chain(torch.randn(2, 3)).shape
        torch.Size([2, 5])
    """

    def forward(self, h: Tensor, condition: Tensor | None = None) -> Tensor:
        """Pass a batch through all blocks in turn."""
        for block in self:
            h = block(h, condition)
        return h


def linear_block(inputs: int, outputs: int, options: BlockOptions) -> Block:
    """Return a block with a fully connected layer, (B, inputs) → (B, outputs).

    Example:
        >>> linear_block(3, 4, BlockOptions(normalisation="batch")).layer
        Linear(in_features=3, out_features=4, bias=False)
    """
    return Block(nn.Linear(inputs, outputs, bias=options.bias), outputs, options)


def linear_chain(inputs: int, widths: Sequence[int], depth: int, options: BlockOptions) -> Chain:
    """Return ``depth`` fully connected blocks of each width in turn, (B, inputs) → (B, widths[-1]).

    Example:
        >>> [block.layer.out_features for block in linear_chain(3, [4, 5], 2, BlockOptions())]
        [4, 4, 5, 5]
    """
    # Not a list: a depth of a billion is refused at its first layers, and should take no memory before.
    sizes = itertools.chain([inputs], (width for width in widths for _ in range(depth)))
    return Chain(linear_block(before, after, options) for before, after in itertools.pairwise(sizes))


def same_size_block(channels: int, options: BlockOptions) -> Block:
    """Return a block with a 3×3 convolution that keeps the size and the channels of its maps.

    Example:
        >>> import torch
        >>> same_size_block(4, BlockOptions())(torch.zeros(2, 4, 9, 7)).shape
        torch.Size([2, 4, 9, 7])
    """
    layer = nn.Conv2d(channels, channels, 3, padding=1, bias=options.bias)
    return Block(layer, channels, options, images=True)
