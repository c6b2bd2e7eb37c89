"""A penalty on the covariance of the latents: DIP-VAE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser, check_has_moments
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


@register("regulariser", "dip")
class Dip(Regulariser):
    r"""Squared distance of a covariance C of the latents from the identity, Σ_{i≠j} C_ij² + r Σ_i (C_ii − 1)².

    With the objective ``vae`` it gives the DIP-VAE: the latents become uncorrelated over the data, at less cost to the
    reconstructions than with a large β. With ``autoencoder`` it whitens the codes. Choose it over ``total_correlation``
    if batches are small or the posterior is a full Gaussian. It penalises only correlations, not other dependence.

    C is estimated from a batch, so B should be much larger than the number of latents. The term has no unit.

    Args:
        weight: λ_od, weight of the entries off the diagonal.
        variant: ``I``: C = Cov_x[μ(x)], the covariance of the posterior means. ``II``: C = Cov_x[μ(x)] + E_x[Σ(x)],
            that of the latents. Both are the same for codes without a variance.
        diagonal: r = λ_d / λ_od, relative weight of the diagonal; null: 10 for ``I`` and 1 for ``II``.

    Source:
        Kumar, Sattigeri & Balakrishnan (2018), Variational Inference of Disentangled Latent Concepts from Unlabeled
        Observations, equations 6 to 8. https://arxiv.org/abs/1711.00848

    Example:
        >>> import zoo
        >>> dip = {"name": "dip", "weight": 5.0, "variant": "I"}
        >>> model = zoo.build("vae-mlp-full-2d", data_shape=(1, 8, 8), regularisers={"dip": dip})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['dip', 'elbo', 'kl', 'reconstruction']
    """

    def __init__(
        self,
        *,
        weight: NonNegativeWeight = 10.0,
        variant: Literal["I", "II"] = "II",
        diagonal: Annotated[float, Field(ge=0)] | None = None,
    ) -> None:
        super().__init__(weight)
        self.variant = variant
        self.diagonal = diagonal if diagonal is not None else {"I": 10.0, "II": 1.0}[variant]

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a posterior with an exact mean and covariance."""
        check_has_moments("dip", spec, model, "Use regulariser `mmd`, which needs draws only.")

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the squared distance of C from the identity, with the diagonal weighted."""
        q = samples.q
        with full_precision(samples.z):
            covariance = covariance_of_means(q)
            if self.variant == "II":
                covariance = covariance + mean_covariance(q)
            diagonal = covariance.diagonal()
            between = (covariance - torch.diag(diagonal)).square().sum()
            return between + self.diagonal * (diagonal - 1).square().sum()


def covariance_of_means(q: Distribution) -> Tensor:
    """Return Cov_x[μ(x)] over a batch, (d, d), divided by B."""
    means = at_least_float32(q.mean).flatten(1)
    centred = means - means.mean(0)
    return centred.T @ centred / len(means)


def mean_covariance(q: Distribution) -> Tensor:
    """Return E_x[Σ(x)] over a batch, (d, d)."""
    covariance = getattr(q, "covariance_matrix", None)
    if covariance is not None:
        matrix: Tensor = at_least_float32(covariance).mean(0)
        return matrix
    return torch.diag(at_least_float32(q.variance).flatten(1).mean(0))
