"""Hierarchies of latent maps, small at the top and larger below, which other parts see as vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.convolution.maps import Size, halve, halvings, keep_size
from zoo.nn.hierarchies.vectors import Trunk, hierarchy_of
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import Block, BlockOptions, Chain, same_size_block
from zoo.nn.layers.head import Head

_MOST_LEVELS = 1000


class FlatMapHead(Head):
    """A head that is the same at every place of a map, for maps that are flattened to vectors.

    Args:
        channels: C, of the inputs.
        outputs: of each place.
        places: size of the maps, (h, w) or (l,), with n places in all.

    Shapes:
        (…, C · n) → (…, outputs · n).

    Example:
        >>> FlatMapHead(8, 4, (7, 7))(torch.zeros(5, 8 * 49)).shape
        torch.Size([5, 196])
    """

    def __init__(self, channels: int, outputs: int, places: Size) -> None:
        super().__init__(channels, outputs)
        self.places = math.prod(places)

    def forward(self, h: Tensor) -> Tensor:
        """Map flattened maps to flattened maps."""
        return super().forward(h.unflatten(-1, (-1, self.places)).mT).mT.flatten(-2)


class TopDownMapTrunk(Trunk):
    """The top-down path with convolutions: each level is a map, as large as the one above it or twice as large.

    The state is a map of ``width`` channels. The latents of a level are added to it through a convolution, then the
    output of a residual network is added, and the state is enlarged to the size of the next level. The sums let
    gradients pass through a deep hierarchy.

    Args:
        channels: D, of the latents of each level.
        sizes: size of each level's map, (h, w) or (l,), top first.
        width: channels of the state.
        depth: convolutions of each level's network that keep the size of the map.
        activation: the nonlinearity after each of them.

    Attributes:
        places: size of each level's map, top first.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4 and figure 3.
        https://arxiv.org/abs/2011.10650

    Example:
        >>> trunk = TopDownMapTrunk(4, [(2, 2), (4, 4), (7, 7)], width=16)
        >>> trunk.sizes, trunk.state(torch.randn(5, sum(trunk.sizes))).shape  # 16 · 7 · 7 = 784
        ((16, 64, 196), torch.Size([5, 784]))
    """

    def __init__(
        self,
        channels: int,
        sizes: Sequence[Size],
        width: int = 32,
        depth: int = 1,
        *,
        activation: ActivationName = "silu",
    ) -> None:
        lengths = [math.prod(size) for size in sizes]
        super().__init__([channels * n for n in lengths], [0, *(width * n for n in lengths[1:])])
        self.channels, self.places, self.width = channels, tuple(sizes), width
        options = BlockOptions(activation)
        dims = len(self.places[0])
        self.projections = nn.ModuleList(keep_size(channels, width, dims=dims) for _ in sizes[1:])
        self.networks = nn.ModuleList(
            nn.Sequential(
                *(same_size_block(width, options, dims=dims) for _ in range(depth)), keep_size(width, width, dims=dims)
            )
            for _ in sizes[1:]
        )

    def step(self, index: int, state: Tensor | None, z: Tensor) -> Tensor:
        """Return the state below a level, (…, state_dim), from the state above it and its latents."""
        maps: Tensor = self.projections[index](self.to_maps(index, None, z))
        if state is not None:
            maps = maps + state.reshape(maps.shape)
        maps = maps + self.networks[index](maps)
        before, after = self.places[index : index + 2]
        return (maps if before == after else F.interpolate(maps, size=after, mode="nearest")).reshape(*z.shape[:-1], -1)

    def head(self, index: int) -> FlatMapHead:
        """Return a new layer from the state above a level to the mean and the raw scale of its latents, (…, 2 d_l)."""
        return FlatMapHead(self.width, 2 * self.channels, self.places[index])

    def to_maps(self, index: int, state: Tensor | None, z: Tensor) -> Tensor:
        """Return the state above a level and its latents as maps (N, width + D, *places)."""
        parts = [z.to(self.origin.dtype)] if state is None else [state, z.to(self.origin.dtype)]
        return torch.cat([part.reshape(-1, *self._shape(part, index)) for part in parts], dim=1)

    def _shape(self, part: Tensor, index: int) -> Size:
        places = self.places[index]
        return part.shape[-1] // math.prod(places), *places


def map_trunk_of(prior: object) -> TopDownMapTrunk:
    """Return the top-down path of a hierarchical prior over maps.

    Raises:
        ComponentError: the prior has no levels, or levels of vectors.
    """
    trunk = hierarchy_of(prior).trunk
    if not isinstance(trunk, TopDownMapTrunk):
        raise ComponentError(
            f"expected a prior over several levels of maps, got {type(prior).__name__}, whose levels are vectors",
            remedy="Set `prior: top_down_map`, or the posterior `top_down` or `ladder`.",
        )
    return trunk


def bottom_up_blocks(
    feature_shape: tuple[int, ...], trunk: TopDownMapTrunk, width: int, options: BlockOptions
) -> Chain:
    """Return blocks from the features of x to a map for each level of a trunk, the last level first.

    The first block takes the features (B, C, *places) to ``width`` channels; each further one takes the map of a level
    to that of the level above it.
    """
    channels, *places = feature_shape
    dims = len(places)
    blocks = Chain([Block(keep_size(channels, width, dims=dims, bias=options.bias), width, options, dims=dims)])
    for before, after in zip(trunk.places[:0:-1], trunk.places[-2::-1], strict=True):
        if before == after:
            blocks.append(same_size_block(width, options, dims=dims))
        else:
            blocks.append(Block(halve(width, width, dims=dims, bias=options.bias), width, options, dims=dims))
    return blocks


def level_sizes(feature_shape: tuple[int, ...], levels: int | Sequence[int]) -> list[Size]:
    """Return the size of each level's map, top first, of which the last ones are as large as the features.

    Args:
        levels: how many sizes there are, with one level each; or how many levels of each size, top first.

    Raises:
        ComponentError: the features are not maps, or there are more levels than a model can be built with.

    Example:
        >>> level_sizes((64, 7, 7), 3), level_sizes((64, 7, 7), [1, 2])
        ([(2, 2), (4, 4), (7, 7)], [(4, 4), (7, 7), (7, 7)])
    """
    if len(feature_shape) not in (2, 3):
        raise ComponentError(
            f"expected features that are maps, got features of shape {tuple(feature_shape)}",
            remedy="Use the encoder `conv` with `hidden: null`, or levels of vectors: `prior: top_down`.",
        )
    total = levels if isinstance(levels, int) else sum(levels)
    if total > _MOST_LEVELS:
        raise ComponentError(f"expected at most {_MOST_LEVELS:,} levels, got {total:,}")
    counts = [1] * levels if isinstance(levels, int) else list(levels)
    sizes = halvings(feature_shape[1:], len(counts) - 1)[::-1]
    return [size for size, count in zip(sizes, counts, strict=True) for _ in range(count)]
