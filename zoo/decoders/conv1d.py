"""The convolutional decoder of series."""

from __future__ import annotations

from typing import Annotated

from einops.layers.torch import Rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.decoders import Decoder
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.convolution.series import Lengthen, check_kernel, lengths, series_block, series_shape
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import Block, BlockOptions, Chain, linear_block
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("decoder", "conv1d")
class Conv1dDecoder(Decoder):
    """A short series from the latents, then stages that double its steps and convolve along time.

    Choose it for signals and other series of any length, from a single step up. It mirrors the encoder ``conv1d``: each
    doubling ends at the length at which the encoder's halving began. Steps are repeated before they are convolved, so
    that no step sums more terms than its neighbours, which would show as a pattern of every second step.

    Shapes:
        latents (B, latent_dim), condition (B, condition_dim) or None → raw parameters (B, C, T), or (B, *output_shape).

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage doubles the series.
        kernel_size: steps that a convolution sees, an odd number.
        depth: convolutions of each stage, after its doubling.
        hidden: units of a fully connected layer before the first stage; null: none.
        activation: the nonlinearity after each layer but the last.
        normalisation: what normalises each layer's maps, except the last layer's, before the condition acts on them.
        dropout: the share of maps that training sets to zero.

    Raises:
        DataError: latents of another shape.
        ComponentError: an even ``kernel_size``; a condition is missing, unwanted or of another shape.

    Source:
        Odena, Dumoulin & Olah (2016), Deconvolution and Checkerboard Artifacts (resizing before a convolution).
        https://distill.pub/2016/deconv-checkerboard

    Example:
        >>> import torch
        >>> decoder = Conv1dDecoder(latent_dim=2, output_shape=(3, 101), condition_dim=0)
        >>> decoder(torch.randn(5, 2)).shape
        torch.Size([5, 3, 101])
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        output_shape: tuple[int, ...],
        condition_dim: int,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [64, 32],  # noqa: B006 - only read
        kernel_size: PositiveInt = 7,
        depth: PositiveInt = 1,
        hidden: PositiveInt | None = 256,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        outputs, length = series_shape(tuple(output_shape))
        self.latent_dim, self.condition_dim, self.output_shape = latent_dim, condition_dim, tuple(output_shape)
        size, options = check_kernel(kernel_size), BlockOptions(activation, normalisation, dropout, condition_dim)
        self.hidden = None if hidden is None else linear_block(latent_dim, hidden, options)
        *longer, shortest = lengths(length, len(channels))
        first = nn.Linear(hidden or latent_dim, channels[0] * shortest)
        to_maps = Rearrange("b (maps length) -> b maps length", maps=channels[0], length=shortest)
        self.blocks = Chain([Block(nn.Sequential(first, to_maps), channels[0], options, dims=1)])
        maps = channels[0]
        for after, target in zip(channels, reversed(longer), strict=True):
            block = series_block(maps, after, size, options)
            block.layer = nn.Sequential(Lengthen(target), block.layer)
            self.blocks.append(block)
            self.blocks.extend(series_block(after, after, size, options) for _ in range(depth - 1))
            maps = after
        self.output = nn.Conv1d(maps, outputs, size, padding=size // 2)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents (B, latent_dim) to raw parameters (B, *output_shape)."""
        check_batch(z, (self.latent_dim,), "latents")
        check_condition(condition, self.condition_dim, z.shape[0])
        h = z if self.hidden is None else self.hidden(z, condition)
        raw: Tensor = self.output(self.blocks(h, condition))
        return raw.reshape(-1, *self.output_shape)
