"""The convolutional decoder."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.decoders import Decoder
from zoo.nn.activations import ActivationName
from zoo.nn.blocks import Block, BlockOptions, Chain, linear_block, same_size_block
from zoo.nn.checks import check_batch, check_condition, check_image_shape
from zoo.nn.images import double, halvings
from zoo.nn.normalisations import NormalisationName
from zoo.registry import register


@register("decoder", "conv")
class ConvDecoder(Decoder):
    """A small image from the latents, then transposed convolutions that double it at each stage.

    Choose it for images of any size from 8×8 up, odd and rectangular ones too. It mirrors the encoder
    ``conv``: each doubling ends at the size at which the encoder's halving began.

    Shapes:
        latents (B, latent_dim), condition (B, condition_dim) or None → raw parameters (B, C, H, W).

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage doubles the image.
        depth: convolutions of each stage; the last of them doubles.
        hidden: units of a fully connected layer before the first stage; null: none. Without it each pixel of
            the first stage is nearly linear in the latents, which cost 6 to 10 nats in short runs on MNIST.
        activation: the nonlinearity after each layer but the last.
        normalisation: what normalises each layer's maps, but the last's, before the condition acts on them.
        dropout: the share of maps that training sets to zero.

    Raises:
        DataError: latents of another shape.
        ComponentError: an output that is no image of at least 8×8; a condition is missing, unwanted or of
            another shape.

    Source:
        Radford, Metz & Chintala (2016), Unsupervised Representation Learning with DCGANs, section 3.
        https://arxiv.org/abs/1511.06434

    Example:
        >>> import torch
        >>> decoder = ConvDecoder(latent_dim=2, output_shape=(3, 28, 17), condition_dim=0)
        >>> decoder(torch.randn(5, 2)).shape
        torch.Size([5, 3, 28, 17])
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        output_shape: tuple[int, ...],
        condition_dim: int,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [64, 32],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        hidden: PositiveInt | None = 256,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        images, height, width = check_image_shape(tuple(output_shape), "output_shape")
        self.latent_dim, self.condition_dim = latent_dim, condition_dim
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        sizes = halvings((height, width), len(channels))[::-1]
        self.hidden = None if hidden is None else linear_block(latent_dim, hidden, options)
        first = nn.Linear(hidden or latent_dim, channels[0] * math.prod(sizes[0]))
        layer: nn.Module = nn.Sequential(first, nn.Unflatten(1, (channels[0], *sizes[0])))
        self.blocks = Chain()
        for maps, next_maps, size in zip(channels, [*channels[1:], images], sizes[1:], strict=True):
            self.blocks.append(Block(layer, maps, options, images=True))
            self.blocks.extend(same_size_block(maps, options) for _ in range(depth - 1))
            is_last = size == (height, width)
            layer = double(maps, next_maps, to=size, bias=options.bias or is_last)
        self.output = layer

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents (B, latent_dim) to raw parameters (B, C, H, W)."""
        check_batch(z, (self.latent_dim,), "latents")
        check_condition(condition, self.condition_dim, len(z))
        h = z if self.hidden is None else self.hidden(z, condition)
        raw: Tensor = self.output(self.blocks(h, condition))
        return raw
