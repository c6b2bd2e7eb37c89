"""Vector quantisation on two maps, a coarse and a fine one: the posterior of a VQ-VAE-2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import ComponentError
from zoo.nn.convolution.maps import halve, halvings
from zoo.nn.weight import ScheduledWeight
from zoo.posteriors import Head, Quantiser
from zoo.posteriors._quantised import QuantisedVectors, squared_distance, straight_through, to_vectors
from zoo.quantisation.codebook import CodebookList, EmaCodebook, Initialisation
from zoo.quantisation.standardise import Standardise
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32, full_precision


@register("posterior", "two_level_quantized")
class TwoLevelQuantized(Quantiser):
    r"""Codes on a coarse map and, given them, on a fine one: large structure first, then detail.

    Choose it to model the layout and the details of images separately. A convolution halves the features to the top
    map; its codes, enlarged again, are an additional input for the codes of the bottom map. z contains both: half of
    its channels are the enlarged vectors of the top codes, the other half those of the bottom codes. The rate is (n_top
    + n_bottom) log K nats. The prior ``transformer`` models all codes in one sequence, the top ones first, so p(top)
    p(bottom | top).

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, n_top + n_bottom). Each side of the top
        map is half that of the bottom map, rounded up.

    Args:
        codes: K, of each of the two codebooks.
        commitment: β, weight of the commitment loss; a number or a schedule.
        standardise: whether each channel is standardised over the batch before it is quantised, which prevents the
            encoder from making all vectors alike.
        decay: γ of the codebooks' moving averages.
        restart_below: use of a code, relative to the mean, below which it restarts at a vector of the batch; 0: never.
        initialisation: initial codebooks: ``batch``, random vectors of the first batch, or ``kmeans`` on this batch.

    Raises:
        ComponentError: the features are not maps, or ``latent_dim`` is odd.

    Source:
        Razavi, van den Oord & Vinyals (2019), Generating Diverse High-Fidelity Images with VQ-VAE-2, section 3.1.
        https://arxiv.org/abs/1906.00446

    Example:
        >>> posterior = TwoLevelQuantized(feature_shape=(64, 7, 7), latent_dim=16, codes=32)
        >>> q = posterior(torch.randn(5, 64, 7, 7))
        >>> q.mean.shape, q.codes.indices.shape  # 4×4 and 7×7 codes
        (torch.Size([5, 16, 7, 7]), torch.Size([5, 65]))
    """

    deterministic: ClassVar[bool] = True

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: PositiveInt = 512,
        commitment: NonNegativeWeight = 0.25,
        standardise: bool = True,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
        restart_below: Annotated[float, Field(ge=0, lt=0.5)] = 0.1,
        initialisation: Initialisation = "batch",
    ) -> None:
        channels, *bottom = feature_shape
        if len(bottom) not in (1, 2):
            raise ComponentError(
                f"expected features that are maps, got shape {tuple(feature_shape)}",
                remedy="Use the encoder `conv` with `hidden: null`, or the posterior `vector_quantized`.",
            )
        if latent_dim % 2:
            raise ComponentError(
                f"expected an even latent_dim, half for each map, got {latent_dim}", where="latent_dim"
            )
        super().__init__()
        self.codes, self.dim, self.bottom = codes, latent_dim // 2, tuple(bottom)
        self.top = halvings(self.bottom, 1)[1]
        self.grid = (math.prod(self.top) + math.prod(self.bottom),)
        self.latent_shape = (latent_dim, *self.bottom)
        self.halve = nn.Sequential(halve(channels, channels, dims=len(bottom)), nn.SiLU())
        self.heads = nn.ModuleList([Head(channels, self.dim), Head(channels + self.dim, self.dim)])
        self.norms = nn.ModuleList((Standardise(self.dim) if standardise else nn.Identity()) for _ in range(2))
        options = {"decay": decay, "restart_below": restart_below}
        self.books = CodebookList(
            EmaCodebook(codes, self.dim, initialisation=initialisation, **options) for _ in range(2)
        )
        self.commitment = ScheduledWeight(commitment)

    @property
    def codebook_places(self) -> tuple[int, ...]:
        """The numbers of places of the top map and of the bottom map."""
        return math.prod(self.top), math.prod(self.bottom)

    def forward(self, h: Tensor) -> QuantisedVectors:
        """Map features (B, C, *places) to codes with batch shape (B,) and event shape (latent_dim, *places)."""
        halved = self.halve(h)
        with full_precision(h):
            top_numbers, top, top_loss = self._quantise(0, halved)
            enlarged = self._enlarge(top)
            joined = torch.cat([at_least_float32(h), enlarged], dim=1)
            bottom_numbers, bottom, bottom_loss = self._quantise(1, joined)
            losses = {"commitment": self.commitment.value * (top_loss + bottom_loss)}
            z = torch.cat([enlarged, bottom], dim=1)
        return QuantisedVectors(torch.cat([top_numbers, bottom_numbers], dim=1), z, self, losses)

    def losses(self, q: Distribution) -> dict[str, Tensor]:
        """Return the weighted commitment loss of each example, (B,)."""
        return dict(q.losses) if isinstance(q, QuantisedVectors) else {}

    def indices(self, z: Tensor) -> Tensor:
        """Return the code numbers (*S, B, n_top + n_bottom) of the vectors (*S, B, latent_dim, *places)."""
        batch = z.shape[: z.ndim - len(self.latent_shape)]
        top, bottom = z.reshape(-1, *self.latent_shape).chunk(2, dim=1)
        for axis, size in enumerate(self.bottom, start=2):
            top = top.index_select(axis, torch.arange(0, size, 2, device=z.device))
        numbers = [
            rearrange(book.nearest(to_vectors(maps)), "(b p) -> b p", b=len(maps))
            for book, maps in zip(self.books, (top, bottom), strict=True)
        ]
        return torch.cat(numbers, dim=1).reshape(*batch, *self.grid)

    def embed(self, indices: Tensor) -> Tensor:
        """Return the vectors (*S, B, latent_dim, *places) of code numbers (*S, B, n_top + n_bottom)."""
        parts = indices.reshape(-1, *self.grid).split(self.codebook_places, dim=1)
        top, bottom = (
            rearrange(book.look_up(part), "b p d -> b d p").reshape(len(part), self.dim, *places)
            for book, part, places in zip(self.books, parts, (self.top, self.bottom), strict=True)
        )
        return torch.cat([self._enlarge(top), bottom], dim=1).reshape(*indices.shape[:-1], *self.latent_shape)

    def code_maps(self, indices: Tensor) -> Sequence[Tensor]:
        """Return the code numbers (B, h, w) of the top map and of the bottom map; () for series."""
        if len(self.bottom) != 2:
            return ()
        parts = indices.split(self.codebook_places, dim=1)
        return [part.unflatten(1, places) for part, places in zip(parts, (self.top, self.bottom), strict=True)]

    def coarse_to_fine(self, q: Distribution) -> Sequence[Tensor]:
        """Return the vectors of the top codes, with the mean vector of the bottom codebook everywhere, then of both."""
        if not isinstance(q, QuantisedVectors):
            return ()
        top, bottom = q.mean.chunk(2, dim=1)
        book = self.books[1]
        assert isinstance(book, EmaCodebook)
        mean = book.mean_vector().to(bottom).reshape(-1, *[1] * len(self.bottom)).expand_as(bottom)
        return torch.cat([top, mean], dim=1), q.mean

    def _quantise(self, level: int, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return code numbers (B, n), their vectors (B, D, *places) and the squared distances (B,) of one map."""
        vectors = self.norms[level](self.heads[level](to_vectors(h)))
        numbers, chosen = self.books[level](vectors)
        loss = squared_distance(vectors, chosen).reshape(h.shape[0], -1).sum(1)
        maps = rearrange(straight_through(chosen, vectors), "(b p) d -> b d p", b=h.shape[0])
        return numbers.reshape(h.shape[0], -1), maps.reshape(len(h), self.dim, *h.shape[2:]), loss

    def _enlarge(self, top: Tensor) -> Tensor:
        """Repeat each place of the top map (B, D, *top) to the size of the bottom map."""
        for axis, size in enumerate(self.bottom, start=2):
            top = top.repeat_interleave(2, dim=axis).narrow(axis, 0, size)
        return top
