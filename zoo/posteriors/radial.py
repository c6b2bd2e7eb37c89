"""A flow posterior that contracts or expands space around points."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.nn.flows.distributions import FlowDistribution
from zoo.posteriors import Posterior, positive
from zoo.posteriors._flow import FlowHead, above_minus_one
from zoo.registry import register

_ALPHA_FLOOR = 1e-2


class RadialMap:
    r"""The radial map f(z) = z + β (z − c) / (α + r) with r = ‖z − c‖ and β > −α, which makes it invertible.

    log \|det ∂f/∂z\| = (d − 1) log(1 + β h) + log(1 + β h − β r h²) with h = 1 / (α + r). The inverse solves a
    quadratic equation for r.

    Args:
        centre: c, (*batch, d).
        alpha: α > 0, (*batch,).
        ratio: β / α > −1, (*batch,).

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows, equation 14 and appendix A.2.
        https://arxiv.org/abs/1505.05770
    """

    def __init__(self, centre: Tensor, alpha: Tensor, ratio: Tensor) -> None:
        self.centre, self.alpha, self.beta = centre, alpha, alpha * ratio

    def __call__(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f(z) and log |det ∂f/∂z|."""
        offset = z - self.centre
        r = _length(offset)
        strength = self.beta / (self.alpha + r)
        return z + strength.unsqueeze(-1) * offset, self._log_det(r, strength, z.shape[-1])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f⁻¹(y) and its log |det|."""
        offset = y - self.centre
        length = _length(offset)
        half = (length - self.alpha - self.beta) / 2
        root = (half.square() + self.alpha * length).sqrt()
        # The form of the positive root without cancellation.
        r = torch.where(half > 0, half + root, self.alpha * length / (root - half).clamp_min(1e-30))
        strength = self.beta / (self.alpha + r)
        z = self.centre + offset / (1 + strength).unsqueeze(-1)
        return z, -self._log_det(r, strength, y.shape[-1])

    def _log_det(self, r: Tensor, strength: Tensor, dimensions: int) -> Tensor:
        along = strength * self.alpha / (self.alpha + r)
        return (dimensions - 1) * torch.log1p(strength) + torch.log1p(along)


@register("posterior", "radial")
class Radial(Posterior):
    """Radial-flow posterior: a diagonal Gaussian sent through maps that contract or expand space around points.

    Choose it in few dimensions, if the posterior of one x is a broad distribution with a sharp peak or a hole. The
    encoder determines the centre, the range and the strength of each map. A draw and the density at any z cost the
    same.

    Args:
        steps: number of maps, one after the other.
        floor: the smallest σ of the Gaussian.

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows, section 4.1.
        https://arxiv.org/abs/1505.05770

    Example:
        >>> q = Radial(features=8, latent_dim=3, steps=2)(torch.zeros(5, 8))
        >>> z, log_q = q.rsample_and_log_prob()
        >>> z.shape, torch.allclose(q.log_prob(z), log_q, atol=1e-4)
        (torch.Size([5, 3]), True)
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
        self.head = FlowHead(features, latent_dim, (latent_dim, 1, 1), steps, floor)

    def forward(self, h: Tensor) -> FlowDistribution:
        """Map features (B, F) to flows with batch shape (B,) and event shape (latent_dim,)."""
        base, parameters = self.head.begin(h)
        maps = [
            RadialMap(centre, positive(alpha.squeeze(-1), _ALPHA_FLOOR), above_minus_one(ratio.squeeze(-1)))
            for centre, alpha, ratio in parameters
        ]
        return FlowDistribution(base, maps)


def _length(offset: Tensor) -> Tensor:
    """Return ‖offset‖ with a finite gradient at 0."""
    return (offset.square().sum(-1) + 1e-24).sqrt()
