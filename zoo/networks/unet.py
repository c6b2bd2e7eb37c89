"""The convolutional network with skip connections."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.networks import Network
from zoo.nn.checks import check_batch, check_condition, check_map_shape
from zoo.nn.convolution.maps import double, halve, halvings, keep_size
from zoo.nn.layers.activations import ActivationName, activation
from zoo.nn.layers.modulation import Modulation
from zoo.nn.layers.normalisations import NormalisationName, normalisation
from zoo.registry import register


@register("network", "unet")
class UNet(Network):
    """Residual convolutions down to small maps and up again, with a skip connection at each size.

    Choose it for images of at least 8×8 pixels, also of odd and rectangular sizes, and for series of 8 steps or more:
    the small maps cover the whole image, and the skip connections preserve its details. With a single size it accepts
    maps of any size, such as the latents of an autoencoder. It is initialised as zero.

    Shapes:
        data (B, C, H, W) or (B, C, L), condition (B, condition_dim) or None → as the data.

    Args:
        channels: maps at each size, from the full one down; each further size is half the one before. One number keeps
            the full size.
        depth: residual blocks at each size on the way down, and as many on the way up.
        activation: the nonlinearity.
        normalisation: what normalises the maps before each convolution of a residual block.
        dropout: the share of maps that training sets to zero in the middle of each residual block.

    Raises:
        DataError: data of another shape.
        ComponentError: data that are neither images nor series, or too small to be halved, with fewer than 8 pixels or
            steps a side; a condition is missing, unwanted or of another shape.

    Source:
        Ronneberger, Fischer & Brox (2015), U-Net. https://arxiv.org/abs/1505.04597
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, appendix B. https://arxiv.org/abs/2006.11239

    Example:
        >>> network = UNet(data_shape=(3, 28, 17), condition_dim=0, channels=[8, 16])
        >>> network(torch.randn(5, 3, 28, 17)).shape
        torch.Size([5, 3, 28, 17])
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        condition_dim: int,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [32, 64],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "group",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        data_channels, size = check_map_shape(tuple(data_shape), "data_shape", 8 if len(channels) > 1 else 1)
        dims = len(size)
        self.data_shape, self.condition_dim = tuple(data_shape), condition_dim
        sizes = halvings(size, len(channels) - 1)

        def blocks(inputs: int, outputs: int) -> nn.ModuleList:
            widths = [inputs, *[outputs] * (depth - 1)]
            return nn.ModuleList(
                ResidualBlock(width, outputs, condition_dim, activation, normalisation, dropout, dims=dims)
                for width in widths
            )

        self.input = keep_size(data_channels, channels[0], dims=dims)
        self.down, self.smaller = nn.ModuleList(), nn.ModuleList()
        self.up, self.larger = nn.ModuleList(), nn.ModuleList()
        for level, maps in enumerate(channels[:-1]):
            self.down.append(blocks(maps, maps))
            self.smaller.append(halve(maps, channels[level + 1], dims=dims))
            self.larger.append(double(channels[level + 1], maps, to=sizes[level]))
            self.up.append(blocks(2 * maps, maps))
        self.middle = blocks(channels[-1], channels[-1])
        self.output = nn.Sequential(*_before(channels[0], activation, normalisation, dims))
        self.last = _zeroed(keep_size(channels[0], data_channels, dims=dims))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map data (B, *data_shape) to (B, *data_shape)."""
        check_batch(x, self.data_shape, "data")
        check_condition(condition, self.condition_dim, x.shape[0])
        h, across = self.input(x), []
        for blocks, smaller in zip(self.down, self.smaller, strict=True):
            h = _through(blocks, h, condition)
            across.append(h)
            h = smaller(h)
        h = _through(self.middle, h, condition)
        for blocks, larger in zip([*self.up][::-1], [*self.larger][::-1], strict=True):
            h = _through(blocks, torch.cat([larger(h), across.pop()], dim=1), condition)
        changed: Tensor = self.last(self.output(h))
        return changed


class ResidualBlock(nn.Module):
    """Two convolutions, each after normalisation and activation, added to the input.

    The condition acts on the maps between the two. The second convolution is initialised as zero, so that the block
    starts as the identity.

    Shapes:
        maps (B, inputs, H, W) or (B, inputs, L), condition (B, condition_dim) or None → maps with ``outputs`` channels.

    Source:
        He et al. (2016), Identity Mappings in Deep Residual Networks. https://arxiv.org/abs/1603.05027

    Example:
        >>> block, h = ResidualBlock(4, 4), torch.randn(2, 4, 9, 7)
        >>> torch.equal(block(h), h)
        True
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        condition_dim: int = 0,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "group",
        dropout: float = 0.0,
        *,
        dims: int = 2,
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(
            *_before(inputs, activation, normalisation, dims), keep_size(inputs, outputs, dims=dims)
        )
        self.normalise, self.activate = _before(outputs, activation, normalisation, dims)
        self.modulate = Modulation(width=outputs, condition_dim=condition_dim) if condition_dim else None
        self.dropout = (nn.Dropout2d if dims == 2 else nn.Dropout1d)(dropout) if dropout else nn.Identity()
        self.second = _zeroed(keep_size(outputs, outputs, dims=dims))
        pointwise = nn.Conv2d if dims == 2 else nn.Conv1d
        self.around = pointwise(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, h: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the maps plus the change that the convolutions compute from them."""
        change = self.normalise(self.first(h))
        if self.modulate is not None and condition is not None:
            change = self.modulate(change, condition)
        added: Tensor = self.around(h) + self.second(self.dropout(self.activate(change)))
        return added


def _before(width: int, name: ActivationName, normalised: NormalisationName, dims: int) -> list[nn.Module]:
    return [normalisation(normalised, width, dims=dims), activation(name)]


def _zeroed(layer: nn.Conv1d | nn.Conv2d) -> nn.Conv1d | nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _through(blocks: nn.Module, h: Tensor, condition: Tensor | None) -> Tensor:
    for block in blocks.children():
        h = block(h, condition)
    return h
