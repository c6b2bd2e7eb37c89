"""The convolutional decoder of latent maps."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.decoders._maps import MapDecoder
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("decoder", "conv_map")
class ConvMapDecoder(MapDecoder):
    """A convolution over the latent map, then transposed convolutions that double it at each stage.

    Choose it if the latents of an image or a series are a map, such as quantised codes: each place of
    the map is decoded into the part of the image that it encodes. It mirrors the encoder ``conv`` with ``hidden``
    null and the same number of stages: each doubling restores the size before the corresponding halving of the encoder.

    Shapes:
        latents (B, D, h, w), condition (B, condition_dim) or None → raw parameters (B, C, H, W); for series (B, D, l) →
        (B, C, L).

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage doubles the map.
        depth: convolutions of each stage; the last of them doubles.
        activation: the nonlinearity after each layer but the last.
        normalisation: what normalises each layer's maps, except the last layer's, before the condition acts on them.
        dropout: the share of maps that training sets to zero.
        spectral_norm: divide the weight of each layer by its largest singular value, which bounds how fast the output
            changes with the latents, as in a regularised autoencoder (RAE-SN).

    Raises:
        DataError: latents of another shape.
        ComponentError: latents that are not maps, or not of the size at which as many halvings of the data end; an
            output that is neither an image of at least 8×8 pixels nor a series of at least 8 steps; a condition is
            missing, unwanted or of another shape.

    Source:
        van den Oord, Vinyals & Kavukcuoglu (2017), Neural Discrete Representation Learning, section 4.1.
        https://arxiv.org/abs/1711.00937

    Example:
        >>> import torch
        >>> decoder = ConvMapDecoder(latent_shape=(16, 7, 5), output_shape=(3, 28, 17), condition_dim=0)
        >>> decoder(torch.randn(5, 16, 7, 5)).shape
        torch.Size([5, 3, 28, 17])
    """

    def __init__(
        self,
        *,
        latent_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        condition_dim: int,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [64, 32],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        spectral_norm: bool = False,
    ) -> None:
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        super().__init__(tuple(latent_shape), output_shape, channels, depth, options, spectral_norm=spectral_norm)
        self.latent_shape = tuple(latent_shape)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents (B, *latent_shape) to raw parameters (B, *output_shape)."""
        check_batch(z, self.latent_shape, "latents")
        check_condition(condition, self.condition_dim, z.shape[0])
        return self.raw_parameters(z, condition)
