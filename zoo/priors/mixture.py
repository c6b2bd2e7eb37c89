"""A mixture of Gaussians as a prior, learned with the model or fitted to its latents."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    MixtureSameFamily,
    MultivariateNormal,
    TransformedDistribution,
)
from torch.distributions.transforms import ReshapeTransform

from zoo.priors import FittablePrior
from zoo.priors._mixtures import fit_mixture
from zoo.registry import register


@register("prior", "mixture")
class Mixture(FittablePrior):
    r"""p(z) = Σ_k π_k N(z; m_k, S_k): a mixture of Gaussians with full or diagonal covariances.

    Choose it as ``fitted_prior`` for an autoencoder, or for a VAE whose samples are worse than its reconstructions: it
    is fitted to the posterior means of the training data by expectation and maximisation, in seconds. As ``prior`` it
    is learned together with the model, and the KL divergence is estimated from the draws.

    Args:
        components: K, number of Gaussians. One component is a Gaussian with the latents' mean and covariance.
        covariance: ``full``, or ``diagonal`` for many latents. The closed-form fit keeps the diagonal of the full one.
        seed: of the first centres, in the fit and as a prior that is learned.

    Shapes:
        batch shape (), event shape ``latent_shape``; maps are flattened to vectors.

    Source:
        Ghosh et al. (2020), From Variational to Deterministic Autoencoders, section 4 (fitted after training).
        https://arxiv.org/abs/1903.12436
        Tomczak & Welling (2018), VAE with a VampPrior, section 2 (learned). https://arxiv.org/abs/1705.07120

    Example:
        >>> prior = Mixture(latent_shape=(2,), components=2)
        >>> prior.fit(torch.cat([torch.randn(100, 2) - 9, torch.randn(100, 2) + 9]))
        True
        >>> prior().log_prob(torch.tensor([[9.0, 9.0], [0.0, 0.0]])).shape
        torch.Size([2])
    """

    def __init__(
        self,
        *,
        latent_shape: tuple[int, ...],
        components: PositiveInt = 10,
        covariance: Literal["full", "diagonal"] = "full",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.latent_shape, self.components, self.seed = tuple(latent_shape), components, seed
        size = math.prod(latent_shape)
        generator = torch.Generator().manual_seed(seed)
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.randn(components, size, generator=generator))
        self.log_scale = nn.Parameter(torch.zeros(components, size))
        self.below = nn.Parameter(torch.zeros(components, size, size)) if covariance == "full" else None

    def forward(self) -> Distribution:
        """Return the mixture, with event shape ``latent_shape``."""
        mixture = MixtureSameFamily(
            Categorical(logits=self.logits, validate_args=False),
            MultivariateNormal(self.mean, scale_tril=self._factors(), validate_args=False),
            validate_args=False,
        )
        if len(self.latent_shape) == 1:
            return mixture
        reshape = ReshapeTransform(torch.Size([math.prod(self.latent_shape)]), torch.Size(self.latent_shape))
        return TransformedDistribution(mixture, [reshape], validate_args=False)

    @torch.no_grad()
    def fit(self, latents: Tensor) -> bool:
        """Fit weights, means and covariances to latents (N, *latent_shape) by expectation and maximisation.

        Raises:
            DataError: there are fewer than two latents for each component, or some are not finite.
        """
        found = fit_mixture(latents.flatten(1).cpu(), self.components, seed=self.seed)
        self.logits.copy_(found.weights.log())
        self.mean.copy_(found.means)
        lower = torch.linalg.cholesky(found.covariances)
        if self.below is None:
            self.log_scale.copy_(lower.square().sum(-1).sqrt().log())
        else:
            self.log_scale.copy_(lower.diagonal(dim1=-2, dim2=-1).log())
            self.below.copy_(lower.tril(-1))
        return True

    def _factors(self) -> Tensor:
        """Return the Cholesky factors (K, d, d)."""
        diagonal = self.log_scale.exp().diag_embed()
        return diagonal if self.below is None else self.below.tril(-1) + diagonal
