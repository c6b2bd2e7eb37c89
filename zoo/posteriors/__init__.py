"""Posteriors: features become q(z|x), a distribution over the latent space."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.nn.layers.head import Head, positive
from zoo.nn.spaces.manifolds import Manifold

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec

__all__ = [
    "Density",
    "Head",
    "Level",
    "Posterior",
    "PosteriorDraw",
    "Quantiser",
    "SparsePosterior",
    "positive",
    "posterior_mean",
]

Density = Literal["none", "drawn", "any"]


class Level(NamedTuple):
    """One latent variable of several: its posterior and prior given the levels above it, and the draw.

    Attributes:
        q: batch shape (K, B).
        p: batch shape (K, B), or one that broadcasts to it.
        z: (K, B, *event_shape).
    """

    q: Distribution
    p: Distribution
    z: Tensor


class PosteriorDraw(NamedTuple):
    """What the method ``draw`` of a posterior's distribution returns.

    Attributes:
        z: (K, B, *latent_shape).
        log_q: (K, B) log q(z|x), or None if the levels say it.
        levels: the latent variables that z is made of, top first; () if it is one.
        carry: what the decoder can use again of the way down, or None.
    """

    z: Tensor
    log_q: Tensor | None = None
    levels: tuple[Level, ...] = ()
    carry: Tensor | None = None


class Posterior(nn.Module, ABC):
    """Maps features to distributions with batch shape (B,) and event shape ``latent_shape``.

    A posterior whose constructor asks for ``features`` sees vectors (B, F); one that asks for ``feature_shape`` sees
    the encoder's features as they are, such as maps (B, C, h, w). A ``forward`` with a parameter ``inference`` is also
    given the :class:`~zoo.model.inference.Inference`, which knows labels, mask, prior and log p(x, z).

    The distribution is a ``torch.distributions.Distribution``, or an object that behaves like one. It may have one of
    two further methods:

    - ``rsample_and_log_prob(shape)`` returns a draw and its log-density, for densities that are cheap at their own
      draws only;
    - ``draw(shape, prior)`` returns a :class:`PosteriorDraw`, for latents with several levels, each of which depends
      on the prior of the levels above it.

    Attributes:
        density: ``any``: log q(z|x) is known at any z. ``drawn``: at its own draws only. ``none``: a point.
        discrete: whether log q(z|x) is with respect to counting rather than volume.
        deterministic: whether all draws for an x are the same, so that one is as good as many.
        factorised: whether q(z|x) is an ``Independent`` over its latents, whose ``base_dist`` has the density of each.
        has_moments: whether q(z|x) knows its ``mean`` and covariance exactly: ``covariance_matrix``, or ``variance``
            where latents are uncorrelated given x.
        second_derivatives: whether draws are made with gradients, so that training differentiates twice.
        manifold: the space that latents lie in, which the prior shares.
        latent_shape: shape of the latents of one example; ``(latent_dim,)`` if a class does not set it.
        sparse: whether most latents of an example are exactly zero, so that those that are not can be counted.
        bounds: between which numbers all latents lie, or None.
        curvature: c > 0 of a hyperbolic space of curvature −c; 0 for other spaces.
        decoder_scale: what latents are multiplied by on their way into the decoder, which learns faster from inputs of
            variance 1 than from, say, the small entries of a unit vector.
    """

    density: ClassVar[Density] = "any"
    discrete: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False
    factorised: ClassVar[bool] = False
    has_moments: ClassVar[bool] = False
    second_derivatives: ClassVar[bool] = False
    manifold: ClassVar[Manifold] = "euclidean"
    latent_shape: tuple[int, ...]
    sparse: bool = False
    bounds: tuple[float, float] | None = None
    curvature: float = 0.0
    decoder_scale: float = 1.0

    @abstractmethod
    def forward(self, h: Tensor) -> Distribution:
        """Map features to q(z|x)."""

    def losses(self, q: Distribution) -> dict[str, Tensor]:
        """Return losses (B,) of the posterior's own that are added to the objective, weighted by its options."""
        return {}

    def coarse_to_fine(self, q: Distribution) -> Sequence[Tensor]:
        """Return latents (B, *latent_shape) with ever more of what q(z|x) says of x, the last of them with all of it.

        The levels of a hierarchy and the codebooks of a residual quantiser say more and more of x, one after the other;
        what is still missing is what is most likely without it. Latents of one level have no such order: ().
        """
        return ()

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Refuse parts that the posterior cannot work with.

        Raises:
            ComponentError: names both, and what to use instead.
        """


class Quantiser(Posterior):
    """A posterior over discrete codes: z are the vectors (*S, B, *latent_shape) that the codes stand for.

    Codes lie on a grid, such as (h, w) places of a map, or (levels, h, w). Its distribution is a
    :class:`~zoo.quantisation.distributions.CodeVectors`, whose ``codes`` is the distribution over the code numbers;
    densities are log-probabilities of those.

    Attributes:
        codes: K, how many codes there are at each place of the grid.
        grid: shape of the code numbers of one example.
    """

    density: ClassVar[Density] = "any"
    discrete: ClassVar[bool] = True
    codes: int
    grid: tuple[int, ...]

    def code_maps(self, indices: Tensor) -> Sequence[Tensor]:
        """Return the code numbers (B, *grid) of each codebook where they stand, (B, h, w); () if they are not maps."""
        if len(self.grid) == 2 and len(self.latent_shape) == 3:
            return (indices,)
        return indices.unbind(1) if len(self.grid) == 3 else ()

    @property
    def codebook_places(self) -> tuple[int, ...]:
        """How many places of the flattened grid each codebook has, one after the other; one codebook has them all."""
        return (math.prod(self.grid),)

    @abstractmethod
    def indices(self, z: Tensor) -> Tensor:
        """Return the code numbers (*S, B, *grid), int64, of the vectors (*S, B, *latent_shape)."""

    @abstractmethod
    def embed(self, indices: Tensor) -> Tensor:
        """Return the vectors (*S, B, *latent_shape) of code numbers (*S, B, *grid)."""


class SparsePosterior(Posterior):
    """A posterior of which few latents differ from zero for any example, and which knows those that never do."""

    density: ClassVar[Density] = "none"
    deterministic: ClassVar[bool] = True
    sparse = True

    @abstractmethod
    def dead(self, after: int) -> Tensor:
        """Return the numbers (D,) of the latents that have not fired for at least this many training examples."""

    @abstractmethod
    def activations_of(self, h: Tensor, latents: Tensor) -> Tensor:
        """Return what some latents (D,) would be if they were all kept, (B, D), for features (B, F)."""


def posterior_mean(q: Distribution, num_samples: int = 64) -> Tensor:
    """Return E_q[z], (B, *latent_shape): exact where the distribution knows its mean, else an average of draws."""
    try:
        return q.mean
    except NotImplementedError:
        return q.sample(torch.Size([num_samples])).mean(0)
