"""The posterior of the standard VAE."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor
from torch.distributions import Independent, Normal

from zoo.posteriors import Head, Posterior, positive
from zoo.registry import register


@register("posterior", "diagonal_gaussian")
class DiagonalGaussian(Posterior):
    r"""Gaussian posterior with independent latents, q(z|x) = N(μ, diag(σ²)).

    This is the usual choice. It cannot match a true posterior whose latents are correlated given x; if this gap
    matters, choose ``full_gaussian``. σ = softplus(raw) + floor, as in ``full_gaussian``, so the two differ only in the
    correlations.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, section 3. https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> q = DiagonalGaussian(features=8, latent_dim=3)(torch.zeros(5, 8))
        >>> q.rsample().shape, q.log_prob(q.mean).shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    factorised: ClassVar[bool] = True
    has_moments: ClassVar[bool] = True

    def __init__(self, *, features: int, latent_dim: int, floor: Annotated[float, Field(gt=0)] = 1e-4) -> None:
        super().__init__()
        self.floor = floor
        self.head = Head(features, 2 * latent_dim)

    def forward(self, h: Tensor) -> Independent:
        """Map features (B, F) to Gaussians with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_scale = self.head(h).chunk(2, dim=-1)
        return Independent(Normal(mean, positive(raw_scale, self.floor), validate_args=False), 1, validate_args=False)
