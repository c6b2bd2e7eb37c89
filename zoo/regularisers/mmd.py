"""Maximum mean discrepancy between the latents of a batch and the prior."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import full_precision

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Multiples of C whose inverse multiquadrics are added, as in the reference implementation of the paper."""


@register("regulariser", "mmd")
class Mmd(Regulariser):
    r"""Squared maximum mean discrepancy MMD²(q(z), p(z)) between the latents of a batch and draws of the prior.

    With the objective ``autoencoder`` it gives the Wasserstein autoencoder (WAE-MMD): samples from the prior are good
    without a KL term. With ``vae``, β = 1 − α and the weight α + λ − 1, it gives the InfoVAE; a negative weight would
    push the latents away from the prior and is refused. It needs only draws, so it works with any prior.

    The unbiased estimate Σ_{i≠j} [k(z_i, z_j) + k(p_i, p_j)] / (B (B − 1)) − 2 Σ_{i,j} k(z_i, p_j) / B² may be slightly
    negative. It has no unit. In distributed training, each process compares the examples of its own part of the batch.

    Args:
        weight: λ of WAE, or α + λ − 1 of InfoVAE.
        kernel: ``rbf``: exp(−r² / 2ℓ²). ``imq``, inverse multiquadric with heavier tails: Σ_s sC / (sC + r²) over
            s = 0.1 … 10.
        bandwidth: ℓ² of ``rbf``, or C of ``imq``; default: d or 2d, for a prior of unit variance.

    Source:
        Gretton et al. (2012), A Kernel Two-Sample Test, lemma 6. https://jmlr.org/papers/v13/gretton12a.html
        Tolstikhin et al. (2018), Wasserstein Auto-Encoders, algorithm 2. https://arxiv.org/abs/1711.01558
        Zhao, Song & Ermon (2019), InfoVAE, equation 6. https://arxiv.org/abs/1706.02262

    Example:
        >>> import zoo
        >>> mmd = {"name": "mmd", "weight": 10.0, "kernel": "imq"}
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), regularisers={"mmd": mmd})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['mmd', 'squared_error']
    """

    def __init__(
        self,
        *,
        weight: NonNegativeWeight = 10.0,
        kernel: Literal["rbf", "imq"] = "rbf",
        bandwidth: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        super().__init__(weight)
        self.kernel, self.bandwidth = kernel, bandwidth

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the unbiased estimate of MMD² for the first draw of each example; 0 for a single example."""
        z = samples.z[0].flatten(1)
        p = samples.prior_draws
        if len(z) < 2:
            return 0.0 * z.sum()
        with full_precision(z):
            return self.discrepancy(z, p.flatten(1))

    def discrepancy(self, z: Tensor, p: Tensor) -> Tensor:
        """Return the unbiased estimate of MMD² between points (N, d) and (M, d)."""
        dimensions = z.shape[1]
        between = self._kernel(_squared_distances(z, p), dimensions).mean()
        return self._mean_of_pairs(z) + self._mean_of_pairs(p) - 2 * between

    def _mean_of_pairs(self, points: Tensor) -> Tensor:
        """Return the mean of k(x_i, x_j) over i ≠ j."""
        count, dimensions = points.shape
        values = self._kernel(_squared_distances(points, points), dimensions)
        return (values.sum() - values.diagonal().sum()) / (count * (count - 1))

    def _kernel(self, squared_distances: Tensor, dimensions: int) -> Tensor:
        if self.kernel == "rbf":
            return torch.exp(-squared_distances / (2 * (self.bandwidth or dimensions)))
        constant = self.bandwidth or 2 * dimensions
        return sum(
            (scale * constant / (scale * constant + squared_distances) for scale in _SCALES),
            torch.zeros_like(squared_distances),
        )


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    # Not by matrix products, which are inaccurate for small distances.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()
