"""A posterior on the sphere whose draws need no rejection."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Beta
from torch.distributions.kl import register_kl

from zoo.nn.spaces.manifolds import Manifold
from zoo.nn.spaces.sphere import AxialDistribution, UniformSphere, log_area
from zoo.posteriors import Posterior
from zoo.posteriors._sphere import AxisHead
from zoo.registry import register


class PowerSpherical(AxialDistribution):
    r"""The power spherical distribution, q(z) ∝ (1 + μᵀz)^κ on the unit sphere in m dimensions.

    t = (1 + cos θ) / 2 has the distribution Beta(κ + (m − 1) / 2, (m − 1) / 2), whose draws are differentiable in
    torch. Density, moments, entropy and the KL divergence to the uniform distribution have closed forms.

    Args:
        axis: μ, (*batch, m), of length 1.
        concentration: κ ≥ 0, (*batch,).

    Source:
        De Cao & Aziz (2020), The Power Spherical Distribution, sections 3 and 4. https://arxiv.org/abs/2006.04437

    Example:
        >>> q = PowerSpherical(torch.tensor([1.0, 0.0, 0.0]), torch.tensor(0.0))
        >>> torch.allclose(q.entropy(), torch.tensor(4 * math.pi).log())
        True
    """

    def __init__(self, axis: Tensor, concentration: Tensor) -> None:
        super().__init__(axis, concentration)
        self.half = (self.dimensions - 1) / 2

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density at points of the sphere (…, *batch, m)."""
        # 1 + μᵀz = ‖z + μ‖² / 2 on the sphere; this form is accurate if z is far from μ.
        share = ((value + self.axis).square().sum(-1) / 2).clamp_min(1e-30)
        return self.concentration * share.log() - self.log_normaliser().to(value.dtype)

    def entropy(self) -> Tensor:
        """Return the entropy, (*batch,) nats."""
        kappa = self.concentration.double()
        mean = math.log(2) + torch.digamma(kappa + self.half) - torch.digamma(kappa + 2 * self.half)
        return (self.log_normaliser() - kappa * mean).to(self.concentration.dtype)

    def log_normaliser(self) -> Tensor:
        """Return log ∫ (1 + μᵀz)^κ dz over the sphere, (*batch,) float64."""
        kappa, half = self.concentration.double(), self.half
        gammas = torch.lgamma(kappa + half) - torch.lgamma(kappa + 2 * half)
        return (kappa + 2 * half) * math.log(2) + half * math.log(math.pi) + gammas

    def cosine_moments(self) -> tuple[Tensor, Tensor]:
        """Return the mean of the cosine of the angle and of its square, (*batch,)."""
        total = self.concentration + 2 * self.half
        mean = (self.concentration + self.half) / total
        variance = mean * (1 - mean) / (total + 1)
        return 2 * mean - 1, 4 * (variance + mean.square()) - 4 * mean + 1

    def rsample_angle(self, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Draw the cosine and the sine of the angle to the axis, (*sample, *batch)."""
        kappa = self.concentration.expand(shape)
        # 1 − t = (1 − cos θ) / 2, which is accurate at small angles.
        far = Beta(torch.full_like(kappa, self.half), kappa + self.half, validate_args=False).rsample()
        return 1 - 2 * far, 2 * (far * (1 - far)).clamp_min(1e-30).sqrt()


@register_kl(PowerSpherical, UniformSphere)
def _kl_power_spherical_uniform(q: PowerSpherical, p: UniformSphere) -> Tensor:
    return log_area(q.dimensions) - q.entropy()


@register("posterior", "power_spherical")
class PowerSphericalPosterior(Posterior):
    r"""Power spherical posterior: latents are unit vectors, with a mean direction and a concentration κ.

    Choose it over ``von_mises_fisher``, with the prior ``uniform_sphere``, if training must be fast or the sphere has
    many
    dimensions: all quantities have closed forms, and draws need no rejection. Its tails are slightly heavier.
    ``latent_dim`` is the length m of the vectors, one more than the dimension of the sphere.

    Args:
        floor: the smallest κ = (m − 1) softplus(raw) + floor. The KL divergence cannot fall below that of this κ.

    Raises:
        ComponentError: ``latent_dim`` is 1.

    Source:
        De Cao & Aziz (2020), The Power Spherical Distribution. https://arxiv.org/abs/2006.04437

    Example:
        >>> q = PowerSphericalPosterior(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> torch.allclose(q.sample().norm(dim=-1), torch.ones(5))
        True
    """

    manifold: ClassVar[Manifold] = "sphere"

    def __init__(self, *, features: int, latent_dim: int, floor: Annotated[float, Field(gt=0)] = 1.0) -> None:
        super().__init__()
        self.head, self.decoder_scale = AxisHead(features, latent_dim, floor), math.sqrt(latent_dim)

    def forward(self, h: Tensor) -> PowerSpherical:
        """Map features (B, F) to distributions with batch shape (B,) and event shape (latent_dim,)."""
        return PowerSpherical(*self.head.axis_and_concentration(h))
