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
    """One level of a draw: its posterior and its prior given the levels above it, and the drawn values.

    Attributes:
        q: batch shape (K, B).
        p: batch shape (K, B), or one that broadcasts to it.
        z: (K, B, *event_shape).
    """

    q: Distribution
    p: Distribution
    z: Tensor


class PosteriorDraw(NamedTuple):
    """The result of the method ``draw`` of a posterior's distribution.

    Attributes:
        z: (K, B, *latent_shape).
        log_q: (K, B) log q(z|x), or None if it follows from the levels.
        levels: the levels that z consists of, top first; () if there is only one.
        carry: a state of the top-down path that the decoder can use again, or None.
    """

    z: Tensor
    log_q: Tensor | None = None
    levels: tuple[Level, ...] = ()
    carry: Tensor | None = None


class Posterior(nn.Module, ABC):
    """Maps features to distributions with batch shape (B,) and event shape ``latent_shape``.

    If the constructor asks for ``features``, the posterior receives vectors (B, F). If it asks for ``feature_shape``,
    it receives the encoder's features in their own shape, such as maps (B, C, h, w). A ``forward`` with a parameter
    ``inference`` also receives the :class:`~zoo.model.inference.Inference`, which has labels, mask, prior and log p(x,
    z).

    The distribution is a ``torch.distributions.Distribution``, or an object that behaves like one. It may have one of
    two further methods:

    - ``rsample_and_log_prob(shape)`` returns a draw and its log-density, for densities that are cheap only at the
      distribution's own draws;
    - ``draw(shape, prior)`` returns a :class:`PosteriorDraw`, for latents with several levels, each of which depends
      on the prior of the levels above it.

    Attributes:
        density: ``any``: log q(z|x) is known at any z. ``drawn``: only at its own draws. ``none``: a point without a
            density.
        discrete: whether log q(z|x) is with respect to counting rather than volume.
        deterministic: whether all draws for an x are the same, so that one draw is enough.
        factorised: whether q(z|x) is an ``Independent`` over its latents, whose ``base_dist`` has the density of each.
        has_moments: whether q(z|x) has an exact ``mean`` and an exact covariance: ``covariance_matrix``, or
            ``variance`` if latents are uncorrelated given x.
        second_derivatives: whether drawing uses gradients, so that training differentiates twice.
        manifold: the space of the latents, which must be that of the prior.
        latent_shape: shape of the latents of one example; ``(latent_dim,)`` if a class does not set it.
        sparse: whether most latents of an example are exactly zero.
        bounds: the smallest and the largest possible latent, or None.
        curvature: c > 0 of a hyperbolic space of curvature −c; 0 for other spaces.
        decoder_scale: a factor for the latents before the decoder, which learns faster from inputs of variance 1 than
            from, for example, the small entries of a unit vector.
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
        """Return the posterior's own losses (B,), with their weights; they are added to the objective."""
        return {}

    def coarse_to_fine(self, q: Distribution) -> Sequence[Tensor]:
        """Return latents (B, *latent_shape) with increasing information about x; the last ones have all of it.

        The levels of a hierarchy and the codebooks of a residual quantiser describe x step by step; the missing levels
        have their most likely values. For latents of one level, which have no such order, the result is ().
        """
        return ()

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Check that the posterior can be used with the other parts of the model.

        Raises:
            ComponentError: it cannot; the message names both parts, and a part to use instead.
        """


class Quantiser(Posterior):
    """A posterior over discrete codes; z are the vectors (*S, B, *latent_shape) of the codes.

    Codes lie on a grid, such as (h, w) places of a map, or (levels, h, w). The distribution is a
    :class:`~zoo.quantisation.distributions.CodeVectors`, whose ``codes`` is the distribution over the code numbers;
    densities are log-probabilities of the code numbers.

    Attributes:
        codes: K, number of codes at each place of the grid.
        grid: shape of the code numbers of one example.
    """

    density: ClassVar[Density] = "any"
    discrete: ClassVar[bool] = True
    codes: int
    grid: tuple[int, ...]

    def code_maps(self, indices: Tensor) -> Sequence[Tensor]:
        """Return code numbers (B, *grid) as a map (B, h, w) for each codebook; () if they are not maps."""
        if len(self.grid) == 2 and len(self.latent_shape) == 3:
            return (indices,)
        return indices.unbind(1) if len(self.grid) == 3 else ()

    @property
    def codebook_places(self) -> tuple[int, ...]:
        """The numbers of consecutive places of the flattened grid that belong to each codebook."""
        return (math.prod(self.grid),)

    @abstractmethod
    def indices(self, z: Tensor) -> Tensor:
        """Return the code numbers (*S, B, *grid), int64, of the vectors (*S, B, *latent_shape)."""

    @abstractmethod
    def embed(self, indices: Tensor) -> Tensor:
        """Return the vectors (*S, B, *latent_shape) of code numbers (*S, B, *grid)."""


class SparsePosterior(Posterior):
    """A posterior with few non-zero latents for each example, which counts how long each latent has been inactive."""

    density: ClassVar[Density] = "none"
    deterministic: ClassVar[bool] = True
    sparse = True

    @abstractmethod
    def dead(self, after: int) -> Tensor:
        """Return the indices (D,) of the latents that have not fired for at least ``after`` training examples."""

    @abstractmethod
    def activations_of(self, h: Tensor, latents: Tensor) -> Tensor:
        """Return the values (B, D) that latents (D,) would have if all were kept, for features (B, F)."""


def posterior_mean(q: Distribution, num_samples: int = 64) -> Tensor:
    """Return E_q[z], (B, *latent_shape): exact if the distribution has a mean, otherwise an average of draws."""
    try:
        return q.mean
    except NotImplementedError:
        return q.sample(torch.Size([num_samples])).mean(0)
