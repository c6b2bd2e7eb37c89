"""A penalty on the change of the reconstruction with the code, for regularised autoencoders."""

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

    With ``code_norm`` and the objective ``autoencoder`` it gives the regularised autoencoder with a gradient penalty
    (RAE-GP): the decoder is smooth near the codes, so codes between those of the data also decode well. The norm is
    estimated from random directions, E‖J_Dᵀ v‖² = ‖J_D‖_F², each of which costs about one more backward pass.

    The term has the unit of squared data over squared latents.

    Args:
        weight: λ.
        directions: number of random directions for each latent; more directions make the estimate less noisy.

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
    """Return latents (K, B, *latent_shape) and D(z), whose graph ends at these latents."""
    if samples.z.requires_grad and samples.carry is None and samples.data.mean.requires_grad:
        return samples.z, samples.data.mean
    # Decode again if there is no graph, as in validation, or if the decoder uses a state from the posterior.
    z = samples.z if samples.z.requires_grad else samples.z.detach().requires_grad_()
    return z, samples.inference.decode(z).mean
