"""The convolutional decoder of latent vectors."""

from __future__ import annotations

import math
from typing import Annotated

from einops.layers.torch import Rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.decoders import Decoder
from zoo.nn.checks import check_batch, check_condition, check_map_shape
from zoo.nn.convolution.maps import halvings
from zoo.nn.convolution.upsampling import upsampling_stages
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, linear_block
from zoo.nn.layers.normalisations import NormalisationName
from zoo.nn.layers.spectral import normalise_spectra
from zoo.registry import register

_TO_MAPS = {1: "b (maps length) -> b maps length", 2: "b (maps height width) -> b maps height width"}


@register("decoder", "conv")
class ConvDecoder(Decoder):
    """A small image from the latents, then transposed convolutions that double it at each stage.

    Choose it for images of any size from 8×8 up, odd and rectangular ones too, and for series of 8 steps or more. It
    mirrors the encoder ``conv``: each doubling ends at the size at which the encoder's halving began. It sees latents
    as vectors; for latent maps choose ``conv_map``, which keeps their places.

    Shapes:
        latents (B, latent_dim), condition (B, condition_dim) or None → raw parameters (B, C, H, W) or (B, C, L).

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage doubles the image.
        depth: convolutions of each stage; the last of them doubles.
        hidden: units of a fully connected layer before the first stage; null: none. Without it each pixel of
            the first stage is nearly linear in the latents, which cost 6 to 10 nats in short runs on MNIST.
        activation: the nonlinearity after each layer but the last.
        normalisation: what normalises each layer's maps, except the last layer's, before the condition acts on them.
        dropout: the share of maps that training sets to zero.
        spectral_norm: divide the weight of each layer by its largest singular value, which bounds how fast the output
            changes with the latents, as in a regularised autoencoder (RAE-SN).

    Raises:
        DataError: latents of another shape.
        ComponentError: an output that is neither an image of at least 8×8 pixels nor a series of at least 8 steps; a
            condition is missing, unwanted or of another shape.

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
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        outputs, size = check_map_shape(tuple(output_shape), "output_shape")
        self.latent_dim, self.condition_dim = latent_dim, condition_dim
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        self.hidden = None if hidden is None else linear_block(latent_dim, hidden, options)
        smallest = halvings(size, len(channels))[-1]
        sides = dict(zip(("height", "width") if len(size) == 2 else ("length",), smallest, strict=True))
        first = nn.Linear(hidden or latent_dim, channels[0] * math.prod(smallest))
        to_maps = Rearrange(_TO_MAPS[len(size)], maps=channels[0], **sides)
        self.blocks, self.output = upsampling_stages(
            nn.Sequential(first, to_maps), channels, depth, options, outputs, size
        )
        if spectral_norm:
            normalise_spectra(self)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents (B, latent_dim) to raw parameters (B, *output_shape)."""
        check_batch(z, (self.latent_dim,), "latents")
        check_condition(condition, self.condition_dim, z.shape[0])
        h = z if self.hidden is None else self.hidden(z, condition)
        raw: Tensor = self.output(self.blocks(h, condition))
        return raw
