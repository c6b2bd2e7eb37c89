"""A posterior that bends a Gaussian, one direction at a time."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Independent, Normal, Transform, TransformedDistribution, constraints
from torch.nn import functional as F

import zoo
from zoo.posteriors import Head, Posterior, positive

_SCALE_FLOOR = 1e-4
_SLOPE_FLOOR = 1e-3
_SMALLEST_SQUARED_NORM = 1e-12
_BISECTIONS = 60


class PlanarTransform(Transform):
    r"""Planar map f(z) = z + û tanh(wᵀz + b), with û so that wᵀû > −1, which makes it invertible.

    û = u + (m(wᵀu) − wᵀu) w / ‖w‖², where m rises from just above −1 and m(0) = 0, so that u = 0 is the identity.
    log |det ∂f/∂z| = log(1 + wᵀû (1 − tanh²(wᵀz + b))).

    A value that it made itself is inverted from the cache, at no cost and exactly. For any other value
    a + wᵀû tanh(a + b) = wᵀf(z) is solved for a = wᵀz by bisection, which always finds the one root.

    Args:
        w: (*batch, d).
        u: (*batch, d).
        b: (*batch,).

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows, section 4.1 and appendix A.1;
        there m(a) = −1 + log(1 + eᵃ), which is not 0 at 0. https://arxiv.org/abs/1505.05770
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, w: Tensor, u: Tensor, b: Tensor) -> None:
        super().__init__(cache_size=1)
        along = (w * u).sum(-1)
        squared_norm = w.square().sum(-1).clamp_min(_SMALLEST_SQUARED_NORM)
        self.w, self.b = w, b
        self.slope = _above_minus_one(along)
        self.u = u + ((self.slope - along) / squared_norm).unsqueeze(-1) * w

    def _call(self, x: Tensor) -> Tensor:
        return x + self.u * torch.tanh(self._along(x) + self.b).unsqueeze(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        a = _solve(self._along(y), self.slope, self.b)
        return y - self.u * torch.tanh(a + self.b).unsqueeze(-1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log |det ∂f/∂z| at x, (*sample, *batch) nats."""
        # 1 − tanh² as sech², which keeps its digits where tanh is near 1.
        steepness = torch.cosh((self._along(x) + self.b).clamp(-40, 40)).pow(-2)
        return torch.log1p(self.slope * steepness)

    def _along(self, z: Tensor) -> Tensor:
        return (self.w * z).sum(-1)


@zoo.register("posterior", "planar_flow")
class PlanarFlow(Posterior):
    r"""Planar-flow posterior: a diagonal Gaussian sent through maps that the encoder chooses for each x.

    Choose it over ``full_gaussian`` when the posterior of one x is curved or has several modes; each map folds or
    stretches space along one direction, so few latent dimensions gain the most. Its KL divergence has no closed
    form: ``vae`` takes the density that comes with the draw.

    Args:
        flows: number of maps, one after the other.

    Source:
        Rezende & Mohamed (2015), Variational Inference with Normalizing Flows. https://arxiv.org/abs/1505.05770

    Example:
        >>> q = PlanarFlow(features=8, latent_dim=3, flows=2)(torch.zeros(5, 8))
        >>> z = q.rsample()
        >>> z.shape, q.log_prob(z).shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(self, *, features: int, latent_dim: int, flows: PositiveInt = 4) -> None:
        super().__init__()
        self.sizes = [latent_dim, latent_dim, *[latent_dim, latent_dim, 1] * flows]
        self.head = Head(features, sum(self.sizes))

    def forward(self, h: Tensor) -> TransformedDistribution:
        """Map features (B, F) to flows with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_scale, *rest = self.head(h).split(self.sizes, dim=-1)
        normal = Normal(mean, positive(raw_scale, _SCALE_FLOOR), validate_args=False)
        maps = [PlanarTransform(w, u, b.squeeze(-1)) for w, u, b in zip(rest[::3], rest[1::3], rest[2::3], strict=True)]
        return TransformedDistribution(Independent(normal, 1, validate_args=False), maps, validate_args=False)


def _above_minus_one(a: Tensor) -> Tensor:
    """Return m(a): increasing, above −1 by at least the floor, and 0 at 0."""
    shift = math.log(math.expm1(1 - _SLOPE_FLOOR))
    return F.softplus(a + shift) + _SLOPE_FLOOR - 1


def _solve(target: Tensor, slope: Tensor, b: Tensor) -> Tensor:
    """Return the root a of a + slope · tanh(a + b) = target, with its gradient."""
    with torch.no_grad():
        goal, s, shift = (values.double() for values in torch.broadcast_tensors(target, slope, b))
        low, high = goal - s.abs(), goal + s.abs()
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            below = middle + s * torch.tanh(middle + shift) < goal
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        root = ((low + high) / 2).to(target.dtype)
    # One Newton step from the root moves nothing but carries the gradient of the implicit function.
    value = torch.tanh(root + b)
    derivative = (1 + slope * (1 - value.square())).detach()
    return root - (root + slope * value - target) / derivative
