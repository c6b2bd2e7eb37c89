"""What quantisers share: from features to vectors at each place, and the distribution over the codes chosen there."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.distributions import Distribution

from zoo.nn.weight import ScheduledWeight
from zoo.posteriors import Head, Level, PosteriorDraw, Quantiser
from zoo.quantisation.distributions import CodeVectors, PointCodes, Shape
from zoo.spec.schedule import WeightSchedule
from zoo.utils.precision import at_least_float32, full_precision


class QuantisedVectors(CodeVectors):
    """q(z|x) of a quantiser without noise: the vectors of the codes that were chosen, as one point.

    Attributes:
        point: (B, *latent_shape), the vectors; gradients pass straight through to what was quantised.
        losses: losses (B,) of the choice, weighted.
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
        """Return 0 where ``value`` (…, *latent_shape) is the point, and −∞ elsewhere."""
        return PointCodes(self.point.detach(), len(self.event_shape)).log_prob(value)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:
        """Return the vectors, once for each sample asked for."""
        return self.point.expand(self._extended_shape(torch.Size(sample_shape)))

    def sample(self, sample_shape: Shape = torch.Size()) -> Tensor:
        """Return the vectors without gradient, once for each sample asked for."""
        return self.rsample(sample_shape).detach()

    def draw(self, shape: torch.Size, prior: Distribution) -> PosteriorDraw:
        """Return the vectors, with the code numbers as the latent variable whose densities count."""
        return draw_of_codes(self.rsample(shape), self.codes.sample(shape), self.codes, prior)


def draw_of_codes(z: Tensor, indices: Tensor, q: Distribution, prior: Distribution) -> PosteriorDraw:
    """Return a draw whose densities are those of its code numbers, so that none is looked up from its vector."""
    batch = indices.shape[: indices.ndim - len(q.event_shape)]
    if not isinstance(prior, CodeVectors):
        return PosteriorDraw(z, q.log_prob(indices).expand(batch))
    return PosteriorDraw(z, levels=(Level(q.expand(batch), prior.codes, indices),))


class Choice(NamedTuple):
    """The codes of N vectors.

    Attributes:
        indices: (N, M) one number of each codebook.
        vectors: (N, D) what they stand for; gradients pass straight through.
        loss: (N,) the squared distances to the codes, with a gradient to what was quantised.
    """

    indices: Tensor
    vectors: Tensor
    loss: Tensor


class CodebookQuantiser(Quantiser):
    """A quantiser that chooses M codes at each place of a map, or for the whole vector of features.

    Subclasses choose codes for vectors (N, D), whatever places they come from.

    Args:
        feature_shape: (C, *places), such as (C, h, w); (C,) for vectors.
        latent_dim: D, length of the vector at each place.
        codes: K, of each codebook.
        codebooks: M.
        commitment: β, weight of the squared distance between a vector and its code.
    """

    deterministic: ClassVar[bool] = True

    def __init__(
        self,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: int,
        codebooks: int,
        commitment: float | WeightSchedule,
    ) -> None:
        super().__init__()
        channels, *places = feature_shape
        self.codes, self.codebooks, self.places = codes, codebooks, tuple(places)
        self.grid = self.places if codebooks == 1 else (codebooks, *self.places)
        self.latent_shape = (latent_dim, *self.places)
        self.head = Head(channels, latent_dim)
        self.commitment = ScheduledWeight(commitment)

    @abstractmethod
    def choose(self, vectors: Tensor) -> Choice:
        """Choose the codes of vectors (N, D)."""

    @abstractmethod
    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the code numbers (N, M) of the vectors (N, D) of codes."""

    @abstractmethod
    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, M)."""

    def forward(self, h: Tensor) -> QuantisedVectors:
        """Map features (B, C, *places) to codes with batch shape (B,) and event shape (D, *places)."""
        with full_precision(h):
            choice = self.choose(self.head(rearrange(at_least_float32(h), "b c ... -> (b ...) c")))
            loss = self.commitment.value * choice.loss.reshape(len(h), -1).sum(1)
        indices = self._to_grid(choice.indices, h.shape[:1])
        return QuantisedVectors(indices, self._to_maps(choice.vectors, h.shape[:1]), self, {"commitment": loss})

    def losses(self, q: Distribution) -> dict[str, Tensor]:
        """Return the weighted commitment loss of each example, (B,)."""
        return dict(q.losses) if isinstance(q, QuantisedVectors) else {}

    def indices(self, z: Tensor) -> Tensor:
        """Return the code numbers (*S, B, *grid) of the vectors (*S, B, D, *places)."""
        batch = z.shape[: z.ndim - len(self.latent_shape)]
        vectors = rearrange(z.reshape(-1, *self.latent_shape), "b d ... -> (b ...) d")
        return self._to_grid(self.indices_of(vectors), batch)

    def embed(self, indices: Tensor) -> Tensor:
        """Return the vectors (*S, B, D, *places) of code numbers (*S, B, *grid)."""
        batch = indices.shape[: indices.ndim - len(self.grid)]
        flat = rearrange(indices.reshape(-1, self.codebooks, math.prod(self.places)), "b m p -> (b p) m")
        return self._to_maps(self.vectors_of(flat), batch)

    def _to_grid(self, indices: Tensor, batch: torch.Size) -> Tensor:
        return rearrange(indices, "(b p) m -> b m p", p=math.prod(self.places)).reshape(*batch, *self.grid)

    def _to_maps(self, vectors: Tensor, batch: torch.Size) -> Tensor:
        return rearrange(vectors, "(b p) d -> b d p", p=math.prod(self.places)).reshape(*batch, *self.latent_shape)


def straight_through(chosen: Tensor, vectors: Tensor) -> Tensor:
    """Return ``chosen``, exactly, with a gradient to ``vectors`` as if they had not been changed."""
    return chosen + (vectors - vectors.detach())


def squared_distance(vectors: Tensor, chosen: Tensor) -> Tensor:
    """Return ‖v − sg(e)‖² of each of N vectors (N, D) and its code, (N,)."""
    return (vectors - chosen.detach()).square().sum(-1)
