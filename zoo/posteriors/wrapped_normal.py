"""A posterior in hyperbolic space."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from zoo.nn.spaces.ball import WrappedNormal
from zoo.nn.spaces.manifolds import Manifold
from zoo.posteriors import Head, Posterior, positive
from zoo.registry import register

_FARTHEST = 8.0


@register("posterior", "wrapped_normal")
class WrappedNormalPosterior(Posterior):
    r"""Wrapped normal posterior in the Poincaré ball, a model of hyperbolic space, for data with a hierarchy.

    Choose it, with the prior ``wrapped_normal``, if the data form a tree: the volume of hyperbolic space grows with the
    distance as fast as the number of leaves of a tree, so general examples lie near the centre and specific ones near
    the edge. Latents are points of a ball of radius 1 / √c; the KL divergence is estimated from the draws.

    Args:
        curvature: c > 0 for a space of curvature −c; near 0 the space is flat, as with ``diagonal_gaussian``.
        floor: the smallest σ.

    Source:
        Mathieu et al. (2019), Continuous Hierarchical Representations with Poincaré Variational Auto-Encoders.
        https://arxiv.org/abs/1901.06033

    Example:
        >>> q = WrappedNormalPosterior(features=8, latent_dim=2)(torch.randn(5, 8))
        >>> bool((q.rsample().norm(dim=-1) < 1).all())
        True
    """

    manifold: ClassVar[Manifold] = "ball"

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        curvature: Annotated[float, Field(gt=0)] = 1.0,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        self.curvature, self.floor = curvature, floor
        self.head, self.decoder_scale = Head(features, 2 * latent_dim), math.sqrt(curvature * latent_dim)

    def forward(self, h: Tensor) -> WrappedNormal:
        """Map features (B, F) to distributions with batch shape (B,) and event shape (latent_dim,)."""
        raw, raw_scale = self.head(h).chunk(2, dim=-1)
        # Centres stay within a distance of 8 / √c, where float32 can distinguish points.
        farthest = _FARTHEST / self.curvature**0.5
        length = (raw.square().sum(-1, keepdim=True) + 1e-12).sqrt()
        centre = raw * (farthest * torch.tanh(length / farthest) / length)
        return WrappedNormal(centre, positive(raw_scale, self.floor), self.curvature)
