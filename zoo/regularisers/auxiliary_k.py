"""A loss that trains dead latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.decoders.dictionary import Dictionary
from zoo.errors import ComponentError
from zoo.model import LatentSamples
from zoo.posteriors import SparsePosterior
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


@register("regulariser", "auxiliary_k")
class AuxiliaryK(Regulariser):
    r"""‖e − Σ_j z_j d_j‖² with e the error of the reconstruction and z the k largest latents among the dead ones.

    Choose it with the posteriors ``top_k``, ``batch_top_k`` or ``jump_relu``, whose latents get no gradient while they
    do not fire: dead latents learn to reconstruct the error of the live ones, until they fire again. The error is a
    fixed target, so live latents get no gradient. The bias is omitted, because it is already part of the
    reconstruction.

    The term is a squared error in the units of the data, like the loss of the objective ``autoencoder``. It is 0 if no
    latent is dead, and in validation.

    Args:
        weight: α.
        k: number of dead latents that an example may use; default: half the number of values of an example.
        dead_after: training examples without firing after which a latent counts as dead.

    Source:
        Gao et al. (2024), Scaling and Evaluating Sparse Autoencoders, section 2.4 and appendix A.2.
        https://arxiv.org/abs/2406.04093

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("sparse-ae-top-k-512d", data_shape=(64,))
        >>> sorted(model.loss(torch.randn(16, 64)).terms)
        ['auxiliary', 'squared_error']
    """

    unit: ClassVar[str] = "squared error"

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        weight: NonNegativeWeight = 1 / 32,
        k: PositiveInt | None = None,
        dead_after: PositiveInt = 100_000,
    ) -> None:
        super().__init__(weight)
        self.k = k or max(1, torch.Size(data_shape).numel() // 2)
        self.dead_after = dead_after

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a posterior that counts inactive latents, and a decoder that is a sum over latents."""
        parts = (
            ("posterior", spec.posterior, SparsePosterior, "a sparse posterior such as `top_k`"),
            ("decoder", spec.decoder, Dictionary, "the decoder `dictionary`"),
        )
        for role, component, expected, instead in parts:
            if not isinstance(getattr(model, role), expected):
                raise ComponentError(
                    f"regulariser 'auxiliary_k' cannot revive latents of the {role} "
                    f"{component.name if component else 'none'!r}",
                    where=f"model.{role}",
                    remedy=f"Use {instead}, or leave the regulariser out.",
                )

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the squared error, summed over an example and averaged over the batch."""
        inference = samples.inference
        posterior, decoder, x = inference.model.posterior, inference.model.decoder, inference.x
        assert isinstance(posterior, SparsePosterior)
        assert isinstance(decoder, Dictionary)
        assert x is not None
        dead = posterior.dead(self.dead_after)
        if not (self.training and len(dead)):
            return samples.z.new_zeros(())
        error = at_least_float32(x - samples.data.mean[0].detach())
        if inference.mask is not None:
            error = error * inference.mask
        with full_precision(error):
            codes = posterior.activations_of(inference.features, dead)
            if self.k < len(dead):
                kept = codes.topk(self.k, sorted=False)
                codes = torch.zeros_like(codes).scatter(1, kept.indices, kept.values)
            explained = decoder.combine_some(codes, dead).view_as(error)
            return (error - explained).square().flatten(1).sum(1).mean()
