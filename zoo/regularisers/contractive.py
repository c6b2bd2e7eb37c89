"""A penalty on the change of the code with the data: contractive autoencoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.model import Inference, LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser, check_has_moments
from zoo.regularisers._jacobian import squared_jacobian_norm
from zoo.spec.schedule import NonNegativeWeight

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


@register("regulariser", "contractive")
class Contractive(Regulariser):
    r"""Squared norm of the encoder's Jacobian at the data, E‖∂E(x)/∂x‖_F², with E(x) the mean of q(z|x).

    With the objective ``autoencoder`` it gives the contractive autoencoder: the code ignores small changes of the data,
    except those along the data. The norm is estimated from random directions, E‖J_Eᵀ v‖² = ‖J_E‖_F², or computed
    exactly with one backward pass for each latent.

    The data are encoded once more. With batch normalisation, the Jacobian includes other examples of the batch. The
    term has the unit of squared latents over squared data.

    Args:
        weight: λ.
        directions: number of random directions for each example; null: exact, for few latents.

    Source:
        Rifai et al. (2011), Contractive Auto-Encoders, section 2.
        https://icml.cc/2011/papers/455_icmlpaper.pdf

    Example:
        >>> import zoo
        >>> contractive = {"name": "contractive", "weight": 0.1, "directions": None}
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), regularisers={"contractive": contractive})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['contractive', 'squared_error']
    """

    second_derivatives: ClassVar[bool] = True

    def __init__(self, *, weight: NonNegativeWeight = 0.1, directions: PositiveInt | None = 1) -> None:
        super().__init__(weight)
        self.directions = directions

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a posterior with an exact mean."""
        check_has_moments("contractive", spec, model, "Use posterior `point` or `diagonal_gaussian`.")

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return ‖J_E(x)‖_F², or its estimate, the mean over the examples."""
        known, training = samples.inference, torch.is_grad_enabled()
        assert known.x is not None
        with torch.enable_grad():
            x = known.x.detach().requires_grad_()
            code = Inference(known.model, x, known.labels, known.mask).posterior.mean
            total = squared_jacobian_norm(code, x, self.directions, differentiable=training)
        return total / len(x)
