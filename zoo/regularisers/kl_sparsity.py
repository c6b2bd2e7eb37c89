"""A penalty that sets the mean activation of each latent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from zoo.errors import ComponentError
from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec

_SMALLEST = 1e-6


@register("regulariser", "kl_sparsity")
class KlSparsity(Regulariser):
    r"""Σ_j KL(ρ ‖ ρ̂_j) between Bernoulli variables, with ρ̂_j the mean of latent j over the batch.

    With the posterior ``point`` and ``activation: sigmoid`` it gives the classical sparse autoencoder: each latent is
    near 1 for a share ρ of the examples, and no latent is off for all examples. Codes are small rather than exactly
    zero; for exact zeros use ``l1`` or ``top_k``.

    The term is in nats. It is zero if every latent has the mean ρ. The mean is over the batch, so use batches of at
    least a few times 1/ρ examples. In distributed training, each process uses its own mean.

    Args:
        weight: β.
        target: ρ.

    Source:
        Ng (2011), Sparse Autoencoder, CS294A lecture notes, section 3.
        https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

    Example:
        >>> import torch, zoo
        >>> sparsity = {"name": "kl_sparsity", "weight": 3.0}
        >>> model = zoo.build(
        ...     "ae-mlp-2d", data_shape=(1, 8, 8), posterior={"activation": "sigmoid"},
        ...     regularisers={"sparsity": sparsity},
        ... )
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['sparsity', 'squared_error']
    """

    unit: ClassVar[str] = "nats"

    def __init__(self, *, weight: NonNegativeWeight = 3.0, target: Annotated[float, Field(gt=0, lt=1)] = 0.05) -> None:
        super().__init__(weight)
        self.target = target

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require latents between 0 and 1."""
        if model.posterior.bounds != (0.0, 1.0):
            raise ComponentError(
                "regulariser 'kl_sparsity' compares latents between 0 and 1 with a share, but those of the posterior "
                f"{spec.posterior.name if spec.posterior else 'none'!r} are not bounded so",
                where="model.posterior",
                remedy="Use `posterior: {name: point, activation: sigmoid}`, or the regulariser `l1`.",
            )

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the sum over the latents, in nats."""
        mean = at_least_float32(samples.z).flatten(2).mean((0, 1)).clamp(_SMALLEST, 1 - _SMALLEST)
        target = torch.as_tensor(self.target, dtype=mean.dtype, device=mean.device)
        on = target * (target / mean).log()
        off = (1 - target) * ((1 - target) / (1 - mean)).log()
        return (on + off).sum()
