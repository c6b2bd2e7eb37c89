"""Product quantisation: a codebook for each group of channels."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.errors import ComponentError
from zoo.posteriors._quantised import Choice, CodebookQuantiser, squared_distance, straight_through
from zoo.quantisation.codebook import CodebookList, EmaCodebook, Initialisation
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight


@register("posterior", "product_quantized")
class ProductQuantized(CodebookQuantiser):
    r"""M codes at each place, one for each group of channels, z = (e¹, …, e^M).

    Choose it if a single codebook would have to be large: M · K entries give Kᴹ vectors, and the codes of a place are
    chosen independently of each other. The squared distances of the groups are added; with one codebook it is
    ``vector_quantized``. The prior ``transformer`` models the codes.

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, codebooks, *places).

    Args:
        codes: K, of each codebook.
        codebooks: M, a divisor of ``latent_dim``.
        commitment: β, weight of the commitment loss; a number or a schedule.
        standardise: whether each channel of :math:`z_e` is standardised over the batch, which prevents the encoder from
            making all vectors alike.
        decay: γ of the codebooks' moving averages.
        restart_below: use of a code, relative to the mean, below which it restarts at a vector of the batch; 0: never.
        initialisation: initial codebooks: ``batch``, random vectors of the first batch, or ``kmeans`` on this batch.

    Raises:
        ComponentError: the codebooks do not divide the channels evenly.

    Source:
        Jégou, Douze & Schmid (2011), Product Quantization for Nearest Neighbor Search, section 2.
        https://doi.org/10.1109/TPAMI.2010.57

        Łańcucki et al. (2020), Robust Training of Vector Quantized Bottleneck Models, section III (standardised
        channels). https://arxiv.org/abs/2005.08520

    Example:
        >>> import torch
        >>> posterior = ProductQuantized(feature_shape=(64, 7, 7), latent_dim=16, codes=32, codebooks=4)
        >>> q = posterior(torch.randn(5, 64, 7, 7))
        >>> q.mean.shape, posterior.indices(q.mean).shape
        (torch.Size([5, 16, 7, 7]), torch.Size([5, 4, 7, 7]))
    """

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: PositiveInt = 64,
        codebooks: PositiveInt = 4,
        commitment: NonNegativeWeight = 0.25,
        standardise: bool = True,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
        restart_below: Annotated[float, Field(ge=0, lt=0.5)] = 0.1,
        initialisation: Initialisation = "batch",
    ) -> None:
        if latent_dim % codebooks:
            raise ComponentError(
                f"expected a divisor of latent_dim, {latent_dim}, got {codebooks}",
                where="codebooks",
                remedy="Each codebook quantises latent_dim / codebooks channels.",
            )
        super().__init__(feature_shape, latent_dim, codes, codebooks, commitment, standardise)
        options = {"decay": decay, "restart_below": restart_below}
        self.books = CodebookList(
            EmaCodebook(codes, latent_dim // codebooks, initialisation=initialisation, **options)
            for _ in range(codebooks)
        )

    def choose(self, vectors: Tensor) -> Choice:
        """Return the nearest code of each group of channels, for vectors (N, D)."""
        choices = [book(group) for book, group in zip(self.books, self._groups(vectors), strict=True)]
        indices, chosen = torch.stack([each for each, _ in choices], 1), torch.cat([each for _, each in choices], 1)
        return Choice(indices, straight_through(chosen, vectors), squared_distance(vectors, chosen))

    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the numbers (N, M) of the codes nearest to each group of channels of vectors (N, D)."""
        return torch.stack(
            [book.nearest(group) for book, group in zip(self.books, self._groups(vectors), strict=True)], 1
        )

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, M)."""
        return torch.cat([book.look_up(each) for book, each in zip(self.books, indices.unbind(1), strict=True)], 1)

    def _groups(self, vectors: Tensor) -> tuple[Tensor, ...]:
        return vectors.chunk(self.codebooks, dim=1)
