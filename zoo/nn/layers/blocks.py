"""Blocks: a layer with its normalisation, activation and dropout, and sequences of blocks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from zoo.nn.convolution.maps import keep_size
from zoo.nn.layers.activations import ActivationName, activation
from zoo.nn.layers.modulation import Modulation
from zoo.nn.layers.normalisations import NormalisationName, normalisation

_DROPOUTS: Mapping[int, type[nn.Module]] = {0: nn.Dropout, 1: nn.Dropout1d, 2: nn.Dropout2d}


@dataclass(frozen=True)
class BlockOptions:
    """Options of what follows each layer of a network.

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
        """Whether the layer needs a bias: batch normalisation subtracts it again with the mean."""
        return self.normalisation != "batch"


class Block(nn.Module):
    """A layer, then normalisation, modulation by a condition, activation and dropout, each if the options ask for it.

    On maps, dropout drops whole channels, because neighbouring pixels are so similar that dropping single pixels has
    little effect.

    Args:
        layer: the layer, which returns ``width`` features or maps.
        width: features or maps of each example.
        options: what follows the layer.
        dims: axes of a map: 2 for images, 1 for series, 0 for vectors.

    Shapes:
        the layer's inputs, condition (B, condition_dim) or None → (B, width), (B, width, L) or (B, width, H, W).

    Source:
        Tompson et al. (2015), Efficient Object Localization Using Convolutional Networks, section 3.2.
        https://arxiv.org/abs/1411.4280

    Example:
        >>> import torch
        >>> options = BlockOptions("silu", "group", condition_dim=5)
        >>> block = Block(nn.Conv2d(3, 8, 3, padding=1), 8, options, dims=2)
        >>> block(torch.randn(2, 3, 9, 9), torch.randn(2, 5)).shape
        torch.Size([2, 8, 9, 9])
    """

    def __init__(self, layer: nn.Module, width: int, options: BlockOptions, *, dims: int = 0) -> None:
        super().__init__()
        # Unused parts are left out: calling a module that does nothing takes as long as a small layer.
        self.normalisation: nn.Module | None = None
        self.modulation: Modulation | None = None
        self.dropout: nn.Module | None = None
        self.layer = layer
        if options.normalisation != "none":
            self.normalisation = normalisation(options.normalisation, width, dims=dims)
        if options.condition_dim:
            self.modulation = Modulation(width=width, condition_dim=options.condition_dim)
        self.activation = activation(options.activation)
        if options.dropout:
            self.dropout = _DROPOUTS[dims](options.dropout)

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
    """A sequence of blocks that all receive the same condition.

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
    # An iterator, not a list: the allocation check stops a depth of a billion at its first layers.
    sizes = itertools.chain([inputs], (width for width in widths for _ in range(depth)))
    return Chain(linear_block(before, after, options) for before, after in itertools.pairwise(sizes))


def same_size_block(channels: int, options: BlockOptions, *, dims: int = 2) -> Block:
    """Return a block with a convolution of kernel size 3 that keeps the size and the channels of its maps.

    Args:
        dims: axes of a map: 2 for images, 1 for series.

    Example:
        >>> import torch
        >>> same_size_block(4, BlockOptions())(torch.zeros(2, 4, 9, 7)).shape
        torch.Size([2, 4, 9, 7])
    """
    return Block(keep_size(channels, channels, dims=dims, bias=options.bias), channels, options, dims=dims)
