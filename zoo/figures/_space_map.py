"""Shared by the figures of curved latent spaces: codes, and what is decoded all over the space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from zoo.analysis.codes import Codes, encode_split
from zoo.analysis.decoding import decoder_of
from zoo.analysis.spaces import LatentSpace, space_of
from zoo.drawing.style import to_unit
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure

Decode = Callable[[Tensor], Tensor]
"""From codes (N, d) to images (N, C, H, W) in [0, 1]."""


class SpaceMap(Figure):
    """A map of one curved space, with the codes of the data, and for images what is decoded all over it.

    Attributes:
        manifold: the space that the map shows.
        space_name: the space in a refusal.
        dimensions: d, the only latent dimension of which there is such a map.
    """

    manifold: ClassVar[str]
    space_name: ClassVar[str]
    dimensions: ClassVar[int]

    def __init__(self, *, count: int, label: int) -> None:
        self.count, self.label = count, label

    def check(self, context: EvaluationContext) -> None:
        """Require latents on the manifold, in the dimension of which there is a map."""
        context.require_latents()
        if context.model.posterior.manifold != self.manifold:
            raise NotApplicableError(f"the latents are not points of {self.space_name}")
        dimensions = context.model.latent_dim
        if dimensions != self.dimensions:
            raise NotApplicableError(
                f"expected {self.dimensions} latent dimensions, got {dimensions}; the figure `embedding` projects such "
                "codes on their principal plane"
            )

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a map with the codes, and for images a second one with what is decoded."""
        model, decode = context.model, decoder_of(context.model, self.label)
        codes = encode_split(model, context.split, self.count)
        images = (lambda places: to_unit(decode(places), model.spec.data_range)) if context.shows_images else None
        return self.plot(codes, context.split.info.class_names, space_of(model), images)

    @abstractmethod
    def plot(
        self, codes: Codes, class_names: Sequence[str], space: LatentSpace, decode: Decode | None
    ) -> MatplotlibFigure:
        """Plot codes (N, d), and on a second map what ``decode`` returns, if it is given."""
