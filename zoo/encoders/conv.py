"""The convolutional encoder."""

from __future__ import annotations

import math
from typing import Annotated

from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.encoders import Encoder
from zoo.nn.checks import check_batch, check_condition, check_map_shape
from zoo.nn.convolution.maps import halve, halvings
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import Block, BlockOptions, Chain, linear_block, same_size_block
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("encoder", "conv")
class ConvEncoder(Encoder):
    """Convolutions that halve images or series at each stage.

    Choose it for images of any size from 8×8 up, odd and rectangular ones too, and for series of 8 steps or more: it
    sees neighbouring values together and shares its weights over all places.

    Shapes:
        images (B, C, H, W), condition (B, condition_dim) or None → maps (B, channels[-1], ⌈H/2ˢ⌉, ⌈W/2ˢ⌉) after
        s = len(channels) stages, or vectors (B, hidden) with ``hidden``. Series (B, C, L) → (B, channels[-1], ⌈L/2ˢ⌉).

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage halves the image.
        depth: convolutions of each stage; the first of them halves.
        hidden: units of a fully connected layer after the last stage, which keep a posterior's head small;
            null: none, and the features are maps.
        activation: the nonlinearity after each layer.
        normalisation: what normalises each convolution's maps before the condition acts on them.
        dropout: the share of maps that training sets to zero.

    Raises:
        DataError: data of another shape.
        ComponentError: data that are neither images of at least 8×8 pixels nor series of at least 8 steps; a condition
            is missing, unwanted or of another shape.

    Source:
        Radford, Metz & Chintala (2016), Unsupervised Representation Learning with DCGANs, section 3 (strides
        in place of pooling). https://arxiv.org/abs/1511.06434

    Example:
        >>> import torch
        >>> encoder = ConvEncoder(data_shape=(3, 28, 17), condition_dim=0)
        >>> encoder(torch.rand(5, 3, 28, 17)).shape, encoder.features
        (torch.Size([5, 64, 7, 5]), 2240)
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        condition_dim: int,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [32, 64],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        hidden: PositiveInt | None = None,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        maps, size = check_map_shape(tuple(data_shape), "data_shape")
        self.data_shape, self.condition_dim = tuple(data_shape), condition_dim
        options, dims = BlockOptions(activation, normalisation, dropout, condition_dim), len(size)
        self.blocks = Chain()
        for outputs in channels:
            layer = halve(maps, outputs, dims=dims, bias=options.bias)
            self.blocks.append(Block(layer, outputs, options, dims=dims))
            self.blocks.extend(same_size_block(outputs, options, dims=dims) for _ in range(depth - 1))
            maps = outputs
        map_shape = (maps, *halvings(size, len(channels))[-1])
        self.hidden = None if hidden is None else linear_block(math.prod(map_shape), hidden, options)
        self.feature_shape = map_shape if hidden is None else (hidden,)
        self.features = math.prod(self.feature_shape)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map images (B, C, H, W) or series (B, C, L) to features (B, *feature_shape)."""
        check_batch(x, self.data_shape, "data")
        check_condition(condition, self.condition_dim, x.shape[0])
        maps: Tensor = self.blocks(x, condition)
        return maps if self.hidden is None else self.hidden(rearrange(maps, "b ... -> b (...)"), condition)
