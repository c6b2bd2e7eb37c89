"""The convolutional encoder of series."""

from __future__ import annotations

import math
from typing import Annotated

from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.encoders import Encoder
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.convolution.series import check_kernel, lengths, series_block, series_shape
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, Chain, linear_block
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("encoder", "conv1d")
class Conv1dEncoder(Encoder):
    """Convolutions along time that halve a series at each stage.

    Choose it for signals and other series of any length, from a single step up: its kernels are longer than those of
    ``conv``, so that a few layers see a whole period. A vector is a series of one channel, and images are gone through
    row by row, for which ``conv`` is better.

    Shapes:
        series (B, C, T), condition (B, condition_dim) or None → maps (B, channels[-1], ⌈T/2ˢ⌉) after s = len(channels)
        stages, or vectors (B, hidden) with ``hidden``.

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage halves the series.
        kernel_size: steps that a convolution sees, an odd number.
        depth: convolutions of each stage; the first of them halves.
        hidden: units of a fully connected layer after the last stage; null: none, and the features are maps.
        activation: the nonlinearity after each layer.
        normalisation: what normalises each convolution's maps before the condition acts on them.
        dropout: the share of maps that training sets to zero.

    Raises:
        DataError: data of another shape.
        ComponentError: an even ``kernel_size``; a condition is missing, unwanted or of another shape.

    Source:
        Wang, Yan & Oates (2017), Time Series Classification from Scratch with Deep Neural Networks, section II.B
        (convolutions over series). https://arxiv.org/abs/1611.06455

    Example:
        >>> import torch
        >>> encoder = Conv1dEncoder(data_shape=(3, 100), condition_dim=0)
        >>> encoder(torch.randn(5, 3, 100)).shape, encoder.features
        (torch.Size([5, 64, 25]), 1600)
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        condition_dim: int,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [32, 64],  # noqa: B006 - only read
        kernel_size: PositiveInt = 7,
        depth: PositiveInt = 1,
        hidden: PositiveInt | None = None,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        maps, length = series_shape(tuple(data_shape))
        self.data_shape, self.condition_dim, self._series = tuple(data_shape), condition_dim, (maps, length)
        size, options = check_kernel(kernel_size), BlockOptions(activation, normalisation, dropout, condition_dim)
        self.blocks = Chain()
        for outputs in channels:
            self.blocks.append(series_block(maps, outputs, size, options, stride=2))
            self.blocks.extend(series_block(outputs, outputs, size, options) for _ in range(depth - 1))
            maps = outputs
        map_shape = (maps, lengths(length, len(channels))[-1])
        self.hidden = None if hidden is None else linear_block(math.prod(map_shape), hidden, options)
        self.feature_shape = map_shape if hidden is None else (hidden,)
        self.features = math.prod(self.feature_shape)

    def caution(self) -> str | None:
        """Return that images are gone through row by row."""
        if len(self.data_shape) < 3:
            return None
        return (
            f"the encoder conv1d is for series: images of shape {self.data_shape} are gone through row by row, without "
            "their neighbours above and below. Use an encoder of images, such as `conv`, and its decoder"
        )

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map series (B, C, T) to features (B, *feature_shape)."""
        check_batch(x, self.data_shape, "data")
        check_condition(condition, self.condition_dim, x.shape[0])
        maps: Tensor = self.blocks(x.reshape(x.shape[0], *self._series), condition)
        return maps if self.hidden is None else self.hidden(rearrange(maps, "b c t -> b (c t)"), condition)
