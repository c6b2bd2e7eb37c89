"""Parts that quantisers share: vectors at each place of the features, and the distribution over their codes."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.distributions import Distribution

from zoo.nn.weight import ScheduledWeight
from zoo.posteriors import Head, Level, PosteriorDraw, Quantiser
from zoo.quantisation.distributions import CodeVectors, PointCodes, Shape
from zoo.quantisation.standardise import Standardise
from zoo.spec.schedule import WeightSchedule
from zoo.utils.precision import at_least_float32, full_precision


class QuantisedVectors(CodeVectors):
    """q(z|x) of a quantiser without noise: a point, the vectors of the chosen codes.

    Attributes:
        point: (B, *latent_shape), the vectors; gradients pass straight through to the quantised input.
        losses: the weighted losses (B,) of the quantiser.
    """

    has_rsample = True

    def __init__(self, indices: Tensor, point: Tensor, quantiser: Quantiser, losses: Mapping[str, Tensor]) -> None:
        super().__init__(PointCodes(indices, len(quantiser.grid)), quantiser)
        self.point, self.losses = point, dict(losses)

    @property
    def mean(self) -> Tensor:
        """The vectors, (B, *latent_shape)."""
        return self.point

    @property
    def mode(self) -> Tensor:
        """The vectors, (B, *latent_shape)."""
        return self.point

    @property
    def variance(self) -> Tensor:
        """Zero, (B, *latent_shape)."""
        return torch.zeros_like(self.point)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0 if ``value`` (…, *latent_shape) is the point, and −∞ otherwise."""
        return PointCodes(self.point.detach(), len(self.event_shape)).log_prob(value)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Return the vectors, repeated for each sample."""
        return self.point.expand(self._extended_shape(torch.Size(sample_shape)))

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Return the vectors without gradient, repeated for each sample."""
        return self.rsample(sample_shape).detach()

    def draw(self, shape: torch.Size, prior: Distribution) -> PosteriorDraw:
        """Return the vectors as draws whose densities are those of the code numbers."""
        return draw_of_codes(self.rsample(shape), self.codes.sample(shape), self.codes, prior)


def draw_of_codes(z: Tensor, indices: Tensor, q: Distribution, prior: Distribution) -> PosteriorDraw:
    """Return a draw whose densities are computed from its code numbers, without a search for each vector's code."""
    batch = indices.shape[: indices.ndim - len(q.event_shape)]
    if not isinstance(prior, CodeVectors):
        return PosteriorDraw(z, q.log_prob(indices).expand(batch))
    return PosteriorDraw(z, levels=(Level(q.expand(batch), prior.codes, indices),))


class Choice(NamedTuple):
    """The codes of N vectors.

    Attributes:
        indices: (N, M) one code number for each codebook.
        vectors: (N, D) the vectors of the codes; gradients pass straight through.
        loss: (N,) the squared distances to the codes, with a gradient to the quantised input; None for codes that need
            no loss.
    """

    indices: Tensor
    vectors: Tensor
    loss: Tensor | None = None


class PlaceQuantiser(Quantiser):
    """A quantiser with M codes at each place of a map, or for the whole vector of features.

    Subclasses map N vectors to code numbers and back, independently of the places that the vectors come from.

    Args:
        feature_shape: (C, *places), such as (C, h, w); (C,) for vectors.
        latent_dim: D, length of the vector at each place.
        codes: K, of each codebook.
        codebooks: M.
    """

    def __init__(self, feature_shape: tuple[int, ...], latent_dim: int, codes: int, codebooks: int) -> None:
        super().__init__()
        self.codes, self.codebooks = codes, codebooks
        map_shape = tuple(feature_shape[1:])
        self.grid = map_shape if codebooks == 1 else (codebooks, *map_shape)
        self.latent_shape = (latent_dim, *map_shape)
        self.places = math.prod(map_shape)

    @property
    def codebook_places(self) -> tuple[int, ...]:
        """The numbers of consecutive places of the flattened grid that belong to each codebook."""
        return (self.places,) * self.codebooks

    @abstractmethod
    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the code numbers (N, M) of the vectors (N, D) of codes."""

    @abstractmethod
    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, M)."""

    def indices(self, z: Tensor) -> Tensor:
        """Return the code numbers (*S, B, *grid) of the vectors (*S, B, D, *places)."""
        batch = z.shape[: z.ndim - len(self.latent_shape)]
        vectors = rearrange(z.reshape(-1, *self.latent_shape), "b d ... -> (b ...) d")
        return self._to_grid(self.indices_of(vectors), batch)

    def embed(self, indices: Tensor) -> Tensor:
        """Return the vectors (*S, B, D, *places) of code numbers (*S, B, *grid)."""
        batch = indices.shape[: indices.ndim - len(self.grid)]
        flat = rearrange(indices.reshape(-1, self.codebooks, self.places), "b m p -> (b p) m")
        return self._to_maps(self.vectors_of(flat), batch)

    def _partial_sums(self, q: Distribution, stages: Sequence[Callable[[Tensor], Tensor]]) -> Sequence[Tensor]:
        """Return the sums (B, D, *places) of the vectors of the first codes, from one of them to all.

        Args:
            q: a distribution of codes, (B,).
            stages: for each codebook, a function from its code numbers (N,) to vectors (N, D).
        """
        if not isinstance(q, QuantisedVectors) or self.codebooks == 1:
            return ()
        indices = q.codes.sample()
        flat = rearrange(indices.reshape(-1, self.codebooks, self.places), "b m p -> (b p) m").unbind(1)
        parts = [look_up(numbers) for look_up, numbers in zip(stages, flat, strict=True)]
        return [self._to_maps(total, indices.shape[:1]) for total in itertools.accumulate(parts)]

    def _to_grid(self, indices: Tensor, batch: torch.Size) -> Tensor:
        return rearrange(indices, "(b p) m -> b m p", p=self.places).reshape(*batch, *self.grid)

    def _to_maps(self, vectors: Tensor, batch: torch.Size) -> Tensor:
        return rearrange(vectors, "(b p) d -> b d p", p=self.places).reshape(*batch, *self.latent_shape)


class CodebookQuantiser(PlaceQuantiser):
    """A quantiser that chooses codes without noise, after a linear map of the features at each place.

    Args:
        feature_shape: (C, *places), such as (C, h, w); (C,) for vectors.
        latent_dim: D, length of the vector at each place.
        codes: K, of each codebook.
        codebooks: M.
        commitment: β, weight of the squared distance between a vector and its code.
        standardise: whether each channel is standardised before it is quantised.
    """

    deterministic: ClassVar[bool] = True

    def __init__(
        self,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: int,
        codebooks: int,
        commitment: float | WeightSchedule,
        standardise: bool,
    ) -> None:
        super().__init__(feature_shape, latent_dim, codes, codebooks)
        self.head = Head(feature_shape[0], latent_dim)
        self.standardise = Standardise(latent_dim) if standardise else None
        self.commitment = ScheduledWeight(commitment)

    @abstractmethod
    def choose(self, vectors: Tensor) -> Choice:
        """Choose the codes of vectors (N, D)."""

    def forward(self, h: Tensor) -> QuantisedVectors:
        """Map features (B, C, *places) to codes with batch shape (B,) and event shape (D, *places)."""
        with full_precision(h):
            vectors = self.head(to_vectors(h))
            choice = self.choose(vectors if self.standardise is None else self.standardise(vectors))
            losses = {}
            if choice.loss is not None:
                losses["commitment"] = self.commitment.value * choice.loss.reshape(h.shape[0], -1).sum(1)
        indices = self._to_grid(choice.indices, h.shape[:1])
        return QuantisedVectors(indices, self._to_maps(choice.vectors, h.shape[:1]), self, losses)

    def losses(self, q: Distribution) -> dict[str, Tensor]:
        """Return the weighted commitment loss of each example, (B,)."""
        return dict(q.losses) if isinstance(q, QuantisedVectors) else {}


def to_vectors(h: Tensor) -> Tensor:
    """Return features (B, C, *places) as vectors (B · places, C) in float32 or better."""
    return rearrange(at_least_float32(h), "b c ... -> (b ...) c")


def straight_through(chosen: Tensor, vectors: Tensor) -> Tensor:
    """Return exactly ``chosen``, with the gradient of the identity with respect to ``vectors``."""
    return chosen + (vectors - vectors.detach())


def squared_distance(vectors: Tensor, chosen: Tensor) -> Tensor:
    """Return ‖v − sg(e)‖² of each of N vectors (N, D) and its code, (N,)."""
    return (vectors - chosen.detach()).square().sum(-1)
