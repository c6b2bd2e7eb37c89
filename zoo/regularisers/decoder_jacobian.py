"""How fast the reconstruction changes with the code: the gradient penalty of regularised autoencoders."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.regularisers._jacobian import squared_jacobian_norm
from zoo.spec.schedule import NonNegativeWeight


@register("regulariser", "decoder_jacobian")
class DecoderJacobian(Regulariser):
    r"""Squared norm of the decoder's Jacobian at the latents, E‖∂D(z)/∂z‖_F², with D(z) the mean of p(x|z).

    With ``code_norm`` and the objective ``autoencoder`` it is the regularised autoencoder with a gradient penalty
    (RAE-GP): the decoder is smooth where codes are, so that codes between those of the data decode well. It is
    estimated by random directions, E‖J_Dᵀ v‖² = ‖J_D‖_F², each of which costs about one more backward pass.

    The term has the unit of squared data over squared latents.

    Args:
        weight: λ.
        directions: random directions for each latent; more of them make the estimate less noisy.

    Source:
        Ghosh et al. (2020), From Variational to Deterministic Autoencoders, section 3.
        https://arxiv.org/abs/1903.12436

    Example:
        >>> import zoo
        >>> smooth = {"name": "decoder_jacobian", "weight": 1e-3}
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), regularisers={"smooth": smooth})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['smooth', 'squared_error']
    """

    second_derivatives: ClassVar[bool] = True

    def __init__(self, *, weight: NonNegativeWeight = 1e-3, directions: PositiveInt = 1) -> None:
        super().__init__(weight)
        self.directions = directions

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the estimate of ‖J_D(z)‖_F², the mean over draws and examples."""
        training = torch.is_grad_enabled()
        with torch.enable_grad():
            z, mean = _decoded(samples)
            total = squared_jacobian_norm(mean, z, self.directions, differentiable=training)
        return total / z.shape[:2].numel()


def _decoded(samples: LatentSamples) -> tuple[Tensor, Tensor]:
    """Return latents (K, B, *latent_shape) and D(z), whose graph leads to no latents but these."""
    if samples.z.requires_grad and samples.carry is None and samples.data.mean.requires_grad:
        return samples.z, samples.data.mean
    # Decoded without a graph in validation, or from what the posterior computed on the way to the latents.
    z = samples.z if samples.z.requires_grad else samples.z.detach().requires_grad_()
    return z, samples.inference.decode(z).mean
