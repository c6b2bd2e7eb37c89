"""A mixture of Gaussians as a prior, learned with the model or fitted to its latents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from zoo.errors import ComponentError
from zoo.priors import FittablePrior
from zoo.priors._mixtures import MixtureDistribution, fit_mixture
from zoo.registry import register
from zoo.utils.precision import at_least_float32

if TYPE_CHECKING:
    from zoo.model.inference import Inference


@register("prior", "mixture")
class Mixture(FittablePrior):
    r"""p(z) = Σ_k π_k N(z; m_k, S_k): a mixture of Gaussians with full or diagonal covariances.

    Choose it as ``fitted_prior`` for an autoencoder, or for a VAE whose samples are worse than its reconstructions: it
    is fitted to draws of the posteriors of the training data by expectation-maximisation, in seconds. As ``prior`` it
    is learned together with the model, and the KL divergence is estimated from the draws.

    In a model with classes it is p(z|y) = Σ_k π_k(y) N(z; m_k, S_k): the classes share the Gaussians, and each has its
    own weights.

    Args:
        components: K, number of Gaussians. One component is a Gaussian with the latents' mean and covariance. With
            separate classes, use a few components for each.
        covariance: ``full``, or ``diagonal`` for many latents. With ``diagonal``, a fit keeps the diagonal of the full
            covariances.
        seed: the seed of the initial centres.

    Shapes:
        batch shape (), or labels (B,) → batch shape (B,); event shape ``latent_shape``; maps are flattened to vectors.

    Source:
        Ghosh et al. (2020), From Variational to Deterministic Autoencoders, section 4 (fitted after training).
        https://arxiv.org/abs/1903.12436
        Tomczak & Welling (2018), VAE with a VampPrior, section 2 (learned). https://arxiv.org/abs/1705.07120

    Example:
        >>> prior = Mixture(latent_shape=(2,), classes=0, components=2)
        >>> prior.fit(torch.cat([torch.randn(100, 2) - 9, torch.randn(100, 2) + 9]))
        True
        >>> prior().log_prob(torch.tensor([[9.0, 9.0], [0.0, 0.0]])).shape
        torch.Size([2])
    """

    def __init__(
        self,
        *,
        latent_shape: tuple[int, ...],
        classes: int,
        components: PositiveInt = 10,
        covariance: Literal["full", "diagonal"] = "full",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.latent_shape, self.classes, self.components, self.seed = tuple(latent_shape), classes, components, seed
        size = math.prod(latent_shape)
        generator = torch.Generator().manual_seed(seed)
        self.logits = nn.Parameter(torch.zeros(*([classes] if classes else []), components))
        self.mean = nn.Parameter(torch.randn(components, size, generator=generator))
        self.log_scale = nn.Parameter(torch.zeros(components, size))
        self.below = nn.Parameter(torch.zeros(components, size, size)) if covariance == "full" else None

    def forward(self, inference: Inference | None = None) -> MixtureDistribution:
        """Return p(z) with batch shape (), or p(z|y) with batch shape (B,)."""
        logits = at_least_float32(self.logits)
        if self.classes:
            labels = None if inference is None else inference.labels
            if labels is None:
                raise ComponentError("the prior of a model with classes needs labels, got none", where="labels")
            logits = logits[labels.long()]
        means = at_least_float32(self.mean)
        return MixtureDistribution(logits, means, at_least_float32(self._factors()), self.latent_shape)

    @torch.no_grad()
    def fit(self, latents: Tensor, labels: Tensor | None = None) -> bool:
        """Fit weights, means and covariances to latents (N, *latent_shape) by expectation-maximisation.

        Raises:
            DataError: there are fewer than two latents for each component, or some are not finite.
        """
        points, labels = at_least_float32(latents).flatten(1).cpu(), None if labels is None else labels.cpu()
        found = fit_mixture(points, self.components, labels=labels, classes=self.classes, seed=self.seed)
        self.logits.copy_(found.weights.log().expand_as(self.logits))
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
