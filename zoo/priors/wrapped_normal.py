"""The prior of latents in hyperbolic space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from zoo.errors import ComponentError
from zoo.nn.spaces.ball import WrappedNormal
from zoo.nn.spaces.manifolds import Manifold
from zoo.priors import Prior
from zoo.registry import register
from zoo.utils.precision import at_least_float32

if TYPE_CHECKING:
    from zoo.posteriors import Posterior


@register("prior", "wrapped_normal")
class WrappedNormalPrior(Prior):
    """A wrapped normal distribution around the centre of the Poincaré ball, whose curvature is the posterior's.

    Choose it with the posterior ``wrapped_normal``.

    Args:
        scale: σ in each direction, in units of the distance.

    Raises:
        ComponentError: the posterior is not in the ball.

    Source:
        Mathieu et al. (2019), Continuous Hierarchical Representations with Poincaré Variational Auto-Encoders,
        section 3. https://arxiv.org/abs/1901.06033

    Example:
        >>> import zoo
        >>> model = zoo.build("pvae-mlp-2d", data_shape=(1, 8, 8))
        >>> bool((model.prior.sample((5,)).norm(dim=-1) < 1).all())
        True
    """

    manifold: ClassVar[Manifold | None] = "ball"
    origin: Tensor

    def __init__(self, *, latent_dim: int, posterior: Posterior, scale: Annotated[float, Field(gt=0)] = 1.0) -> None:
        super().__init__()
        if posterior.manifold != "ball":
            raise ComponentError(
                f"expected a posterior in the Poincaré ball, got {type(posterior).__name__}",
                remedy="Set `posterior: wrapped_normal`, or another prior.",
            )
        self.curvature, self.scale = float(posterior.curvature), scale
        self.register_buffer("origin", torch.zeros(latent_dim), persistent=False)

    def forward(self) -> WrappedNormal:
        """Return the distribution, with event shape (latent_dim,)."""
        origin = at_least_float32(self.origin)
        return WrappedNormal(origin, torch.full_like(origin, self.scale), self.curvature)
