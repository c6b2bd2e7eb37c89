"""A Gaussian posterior with any covariance: a diagonal Gaussian that is rotated."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.distributions import kl_divergence as torch_kl_divergence
from torch.distributions.kl import register_kl
from torch.distributions.utils import lazy_property

from zoo.divergences import StandardNormal
from zoo.nn.flows.reflections import Reflections
from zoo.posteriors import Head, Posterior, positive
from zoo.registry import register
from zoo.utils.precision import full_precision


class HouseholderNormal(MultivariateNormal):
    r"""N(H μ, H diag(σ²) Hᵀ) with H a product of Householder reflections.

    Draws, densities and the KL divergence to N(0, I), which a rotation does not change, cost n products of vectors. The
    Cholesky factor is computed by a QR decomposition, only if it is needed.

    Args:
        mean: μ, (*batch, d), before the rotation.
        scale: σ > 0, (*batch, d).
        vectors: of the reflections, (*batch, n, d).
    """

    def __init__(self, mean: Tensor, scale: Tensor, vectors: Tensor) -> None:
        self.base = Normal(mean, scale, validate_args=False)
        self.vectors, self.reflections = vectors, Reflections(vectors)
        self.loc = self.reflections(mean)
        Distribution.__init__(self, mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @lazy_property
    def _unbroadcasted_scale_tril(self) -> Tensor:
        # torch's class and its KL divergences use L under this name: with A = H diag(σ) and Aᵀ = Q R, L = Rᵀ.
        with full_precision(self.loc):
            upper = torch.linalg.qr(self._rotated_axes).R
            signs = torch.where(upper.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0)
            return (signs.unsqueeze(-1) * upper).mT

    @property
    def _rotated_axes(self) -> Tensor:
        """H diag(σ), with its columns as rows, (*batch, d, d)."""
        return self.base.scale.unsqueeze(-1) * self.reflections.columns(self.base.scale.shape[-1])

    @property
    def variance(self) -> Tensor:
        """Var[z] of each latent, (*batch, d)."""
        return self._rotated_axes.square().sum(-2)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> MultivariateNormal:
        """Return the same Gaussians with a larger batch shape."""
        batch = torch.Size(batch_shape)
        mean, scale = (values.expand(batch + self.event_shape) for values in (self.base.loc, self.base.scale))
        return HouseholderNormal(mean, scale, self.vectors.expand(batch + self.vectors.shape[-2:]))

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, d), with gradients to the parameters."""
        return self.reflections(self.base.rsample(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density at values (…, *batch, d)."""
        return self.base.log_prob(self.reflections.back(value)).sum(-1)

    def entropy(self) -> Tensor:
        """Return the entropy, (*batch,) nats: that of the Gaussian before the rotation."""
        return self.base.entropy().sum(-1)


@register_kl(HouseholderNormal, Independent)
def _kl_householder_diagonal(q: HouseholderNormal, p: Independent) -> Tensor:
    if isinstance(p, StandardNormal) and p.event_shape == q.event_shape:
        return (0.5 * (q.base.scale.square() + q.base.loc.square() - 1) - q.base.scale.log()).sum(-1)
    return torch_kl_divergence(MultivariateNormal(q.loc, scale_tril=q.scale_tril, validate_args=False), p)


@register("posterior", "householder")
class Householder(Posterior):
    r"""Householder-flow posterior: a diagonal Gaussian that the encoder rotates, N(H μ, H diag(σ²) Hᵀ).

    Choose it if latents are correlated given x and a Cholesky factor for each example is too large: each reflection
    takes d outputs of the head, and with d − 1 reflections every covariance can be represented, as with
    ``full_gaussian``. KL divergences have a closed form.

    Args:
        reflections: n; with fewer than d − 1, only some rotations can be reached.
        floor: the smallest σ.

    Source:
        Tomczak & Welling (2016), Improving Variational Auto-Encoders using Householder Flow.
        https://arxiv.org/abs/1611.09630

    Example:
        >>> q = Householder(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> q.rsample().shape, q.entropy().shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    has_moments: ClassVar[bool] = True

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        reflections: PositiveInt = 4,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        self.reflections, self.floor = reflections, floor
        self.head = Head(features, (2 + reflections) * latent_dim)

    def forward(self, h: Tensor) -> HouseholderNormal:
        """Map features (B, F) to Gaussians with batch shape (B,) and event shape (latent_dim,)."""
        outputs = self.head(h).unflatten(-1, (2 + self.reflections, -1))
        return HouseholderNormal(outputs[:, 0], positive(outputs[:, 1], self.floor), outputs[:, 2:])
