"""What fully connected decoders share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.decoders import Decoder
from zoo.nn.layers.blocks import BlockOptions, linear_chain
from zoo.nn.layers.modulation import Modulation
from zoo.nn.layers.spectral import normalise_spectra


class FullyConnectedDecoder(Decoder):
    """A decoder that ends in fully connected layers, the last of which returns all raw parameters at once.

    Args:
        inputs: number of inputs of the layers for each example.
        output_shape: shape of the raw parameters of one example.
        widths: units of the hidden layers; []: none, and a condition then scales and shifts the raw parameters.
        depth: layers of each width.
        options: of the hidden layers.
        spectral_norm: divide the weight of each layer by its largest singular value.
    """

    def __init__(
        self,
        inputs: int,
        output_shape: tuple[int, ...],
        widths: Sequence[int],
        depth: int,
        options: BlockOptions,
        *,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.output_shape, self.condition_dim = tuple(output_shape), options.condition_dim
        outputs = math.prod(output_shape)
        self.blocks = linear_chain(inputs, widths, depth, options)
        self.output = nn.Linear(widths[-1] if widths else inputs, outputs)
        self.modulation: Modulation | None = None
        if options.condition_dim and not widths:
            self.modulation = Modulation(width=outputs, condition_dim=options.condition_dim)
        if spectral_norm:
            normalise_spectra(self)

    def column_norms(self) -> Tensor | None:
        """Return the norms of the columns of a linear decoder, (inputs,); None with hidden layers or a condition."""
        if len(self.blocks) or self.modulation is not None:
            return None
        return torch.linalg.vector_norm(self.output.weight, dim=0)

    def raw_parameters(self, h: Tensor, condition: Tensor | None) -> Tensor:
        """Map values (B, inputs) to raw parameters (B, *output_shape)."""
        raw: Tensor = self.output(self.blocks(h, condition))
        if self.modulation is not None and condition is not None:
            raw = self.modulation(raw, condition)
        return raw.view(-1, *self.output_shape)
