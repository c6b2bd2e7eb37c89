"""What decoders of maps share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from zoo.decoders import Decoder
from zoo.errors import ComponentError
from zoo.nn.checks import check_map_shape
from zoo.nn.convolution.maps import halvings, keep_size
from zoo.nn.convolution.upsampling import upsampling_stages
from zoo.nn.layers.blocks import BlockOptions
from zoo.nn.layers.spectral import normalise_spectra


class MapDecoder(Decoder):
    """A decoder that begins with a convolution over a map and doubles it at each stage.

    Args:
        map_shape: of what the first convolution sees, (C, h, w) or (C, l).
        output_shape: shape of the raw parameters of one example.
        channels: maps of each stage, in the order in which data pass them; each stage doubles the map.
        depth: convolutions of each stage; the last of them doubles.
        options: what follows each layer but the last.
        spectral_norm: divide the weight of each layer by its largest singular value.

    Raises:
        ComponentError: what is decoded is not a map, or not of the size at which as many halvings of the data end; an
            output that is neither an image nor a series of at least 8 pixels or steps a side.
    """

    def __init__(
        self,
        map_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        channels: Sequence[int],
        depth: int,
        options: BlockOptions,
        *,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        outputs, size = check_map_shape(tuple(output_shape), "output_shape")
        self.condition_dim = options.condition_dim
        _check_places(map_shape, size, len(channels))
        first = keep_size(map_shape[0], channels[0], dims=len(size), bias=options.bias)
        self.blocks, self.output = upsampling_stages(first, channels, depth, options, outputs, size)
        if spectral_norm:
            normalise_spectra(self)

    def raw_parameters(self, maps: Tensor, condition: Tensor | None) -> Tensor:
        """Map maps (B, *map_shape) to raw parameters (B, *output_shape)."""
        raw: Tensor = self.output(self.blocks(maps, condition))
        return raw


def _check_places(latent_shape: tuple[int, ...], size: tuple[int, ...], stages: int) -> None:
    places = latent_shape[1:]
    if len(places) != len(size):
        kind = "maps of shape (D, h, w)" if len(size) == 2 else "maps of shape (D, l)"
        raise ComponentError(
            f"expected latent {kind}, got latents of shape {latent_shape}",
            where="latent_shape",
            remedy="Use the decoder `conv`, or a posterior over maps with the encoder `conv` and `hidden: null`.",
        )
    sizes = halvings(size, max(stages, max(size).bit_length()))
    if places != sizes[stages]:
        fitting = [str(index) for index, each in enumerate(sizes) if each == places and index]
        raise ComponentError(
            f"expected latent maps of {_by(sizes[stages])} places, at which {stages} halvings of {_by(size)} end, "
            f"got {_by(places)}",
            where="channels",
            remedy=f"Give `channels` {fitting[0]} entries, as the encoder has."
            if fitting
            else "Give encoder and decoder the same number of `channels`.",
        )


def _by(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))
