"""A flow posterior that bends space along one direction at a time."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.nn.flows.distributions import FlowDistribution
from zoo.nn.flows.roots import solve_bent_line, tanh_slope
from zoo.posteriors import Posterior
from zoo.posteriors._flow import FlowHead, above_minus_one
from zoo.registry import register


class PlanarMap:
    r"""The planar map f(z) = z + û tanh(wᵀz + b), with û such that wᵀû > −1, which makes it invertible.

    û = u + (m(wᵀu) − wᵀu) w / ‖w‖², where m is increasing, above −1 and 0 at 0, so that u = 0 gives the identity.
    log \|det ∂f/∂z\| = log(1 + wᵀû (1 − tanh²(wᵀz + b))).

    Args:
        w: (*batch, d).
        u: (*batch, d).
        b: (*batch,).

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows, section 4.1 and appendix A.1; there
        m(a) = −1 + log(1 + eᵃ), which is not 0 at 0. https://arxiv.org/abs/1505.05770
    """

    def __init__(self, w: Tensor, u: Tensor, b: Tensor) -> None:
        along = (w * u).sum(-1)
        self.w, self.b, self.slope = w, b, above_minus_one(along)
        self.u = u + ((self.slope - along) / w.square().sum(-1).clamp_min(1e-12)).unsqueeze(-1) * w

    def __call__(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f(z) and log |det ∂f/∂z|."""
        bend = (self.w * z).sum(-1) + self.b
        return z + self.u * torch.tanh(bend).unsqueeze(-1), torch.log1p(self.slope * tanh_slope(bend))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f⁻¹(y) and its log |det|, from the one root of a + wᵀû tanh(a + b) = wᵀy."""
        bend = solve_bent_line((self.w * y).sum(-1), self.slope, self.b) + self.b
        return y - self.u * torch.tanh(bend).unsqueeze(-1), -torch.log1p(self.slope * tanh_slope(bend))


@register("posterior", "planar")
class Planar(Posterior):
    r"""Planar-flow posterior: a diagonal Gaussian sent through maps z + u tanh(wᵀz + b) that the encoder chooses.

    Choose it over ``full_gaussian`` in few dimensions, if the posterior of one x is curved or has several modes: each
    map bends or folds space along one direction. ``sylvester`` bends along several directions at once, and
    ``autoregressive_flow`` is for many dimensions. The density at any z takes one root for each map; draws need no
    root.

    Args:
        steps: number of maps, one after the other.
        floor: the smallest σ of the Gaussian.

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows, section 4.1.
        https://arxiv.org/abs/1505.05770

    Example:
        >>> q = Planar(features=8, latent_dim=3, steps=2)(torch.zeros(5, 8))
        >>> z, log_q = q.rsample_and_log_prob()
        >>> z.shape, log_q.shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        steps: PositiveInt = 4,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        self.head = FlowHead(features, latent_dim, (latent_dim, latent_dim, 1), steps, floor)

    def forward(self, h: Tensor) -> FlowDistribution:
        """Map features (B, F) to flows with batch shape (B,) and event shape (latent_dim,)."""
        base, maps = self.head.begin(h)
        return FlowDistribution(base, [PlanarMap(w, u, b.squeeze(-1)) for w, u, b in maps])
