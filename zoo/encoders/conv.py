"""The convolutional encoder."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.encoders import Encoder
from zoo.nn.activations import ActivationName
from zoo.nn.blocks import Block, BlockOptions, Chain, linear_block, same_size_block
from zoo.nn.checks import check_batch, check_condition, check_image_shape
from zoo.nn.images import halve, halvings
from zoo.nn.normalisations import NormalisationName
from zoo.registry import register


@register("encoder", "conv")
class ConvEncoder(Encoder):
    """Convolutions that halve the image at each stage, then all maps as one vector.

    Choose it for images of any size from 8×8 up, odd and rectangular ones too: it sees neighbouring pixels
    together and shares its weights over the image.

    Shapes:
        data (B, C, H, W), condition (B, condition_dim) or None → features (B, F), where F is ``hidden``, or
        channels[-1] × ⌈H/2ˢ⌉ × ⌈W/2ˢ⌉ after s = len(channels) stages.

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage halves the image.
        depth: convolutions of each stage; the first of them halves.
        hidden: units of a fully connected layer after the last stage, which keep a posterior's head small;
            null: none.
        activation: the nonlinearity after each layer.
        normalisation: what normalises each convolution's maps before the condition acts on them.
        dropout: the share of maps that training sets to zero.

    Raises:
        DataError: data of another shape.
        ComponentError: data that are no images of at least 8×8; a condition is missing, unwanted or of
            another shape.

    Source:
        Radford, Metz & Chintala (2016), Unsupervised Representation Learning with DCGANs, section 3 (strides
        in place of pooling). https://arxiv.org/abs/1511.06434

    Example:
        >>> import torch
        >>> encoder = ConvEncoder(data_shape=(3, 28, 17), condition_dim=0)
        >>> encoder(torch.rand(5, 3, 28, 17)).shape
        torch.Size([5, 2240])
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
        maps, height, width = check_image_shape(tuple(data_shape), "data_shape")
        self.data_shape, self.condition_dim = tuple(data_shape), condition_dim
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        self.blocks = Chain()
        for outputs in channels:
            self.blocks.append(Block(halve(maps, outputs, bias=options.bias), outputs, options, images=True))
            self.blocks.extend(same_size_block(outputs, options) for _ in range(depth - 1))
            maps = outputs
        flat = maps * math.prod(halvings((height, width), len(channels))[-1])
        self.hidden = None if hidden is None else linear_block(flat, hidden, options)
        self.features = flat if hidden is None else hidden

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map images (B, C, H, W) to features (B, F)."""
        check_batch(x, self.data_shape, "data")
        check_condition(condition, self.condition_dim, len(x))
        features: Tensor = self.blocks(x, condition).flatten(1)
        return features if self.hidden is None else self.hidden(features, condition)
