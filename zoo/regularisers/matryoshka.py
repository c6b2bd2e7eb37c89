"""Reconstructions from only the first latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.errors import ComponentError
from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


@register("regulariser", "matryoshka")
class Matryoshka(Regulariser):
    r"""Σ_m ‖x − D(z_1, …, z_m, 0, …)‖² over nested groups of latents, the first m of all.

    Choose it to order latents by generality: the first latents must reconstruct the data alone, so they describe
    properties of many examples, and later ones describe details. Without it, a large dictionary splits a general latent
    into many specific ones. A model can be truncated after any group. With the objective ``autoencoder`` and weight 1,
    the loss is the sum of the losses of all groups, including all latents.

    The term is a squared error in the units of the data.

    Args:
        weight: weight of the sum.
        groups: m of each group, increasing, without the whole, which is part of the objective. Default: an eighth, a
            quarter and a half of the latents.

    Source:
        Bussmann, Nabeshima, Karvonen & Nanda (2025), Learning Multi-Level Features with Matryoshka Sparse Autoencoders,
        section 3. https://arxiv.org/abs/2503.17547
        Kusupati et al. (2022), Matryoshka Representation Learning. https://arxiv.org/abs/2205.13147

    Example:
        >>> import torch, zoo
        >>> nested = {"name": "matryoshka", "groups": [64, 256]}
        >>> model = zoo.build("sparse-ae-top-k-512d", data_shape=(64,), regularisers={"nested": nested})
        >>> sorted(model.loss(torch.randn(16, 64)).terms)
        ['auxiliary', 'nested', 'squared_error']
    """

    unit: ClassVar[str] = "squared error"

    def __init__(
        self, *, latent_dim: int, weight: NonNegativeWeight = 1.0, groups: list[PositiveInt] | None = None
    ) -> None:
        super().__init__(weight)
        self.groups = sorted({max(1, latent_dim // share) for share in (8, 4, 2)}) if groups is None else groups
        if not self.groups or self.groups != sorted(set(self.groups)):
            raise ComponentError(f"expected numbers of latents that rise, got {groups}", where="groups")

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require groups smaller than the whole, and latents that are a single vector."""
        if len(model.latent_shape) != 1 or model.posterior.discrete:
            raise ComponentError(
                "regulariser 'matryoshka' cuts vectors of latents, but the posterior "
                f"{spec.posterior.name if spec.posterior else 'none'!r} has others",
                where="model.posterior",
                remedy="Use a posterior of vectors, such as `top_k` or `point`.",
            )
        if self.groups[-1] >= model.latent_dim:
            raise ComponentError(
                f"expected groups of less than {model.latent_dim} latents, which are all, got {self.groups}",
                where="model.regularisers",
                remedy="Leave the last group out: the objective has the whole.",
            )

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the squared errors, summed over groups and an example, averaged over draws and the batch."""
        inference, z = samples.inference, samples.z
        assert inference.x is not None
        numbers = torch.arange(z.shape[-1], device=z.device)
        total = z.new_zeros(())
        for group in self.groups:
            p = inference.decode(torch.where(numbers < group, z, 0.0), samples.carry)
            errors = (inference.x - p.mean).square()
            if inference.mask is not None:
                errors = errors * inference.mask
            total = total + errors.flatten(2).sum(2).mean()
        return total
