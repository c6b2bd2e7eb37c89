"""The L1 norm of the codes, which makes them sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


@register("regulariser", "l1")
class L1(Regulariser):
    r"""Σ_i |z_i| ‖d_i‖, the L1 norm of the latents, weighted by the norms of the decoder's columns d_i.

    With the posterior ``point`` and ``activation: relu`` it gives the classical sparse autoencoder. It also shrinks the
    codes that remain, unlike ``jump_relu`` and ``top_k``.

    Without the norms, codes could become small and columns long, and the penalty would have no effect. With the decoder
    ``dictionary`` and unit norms they are 1.
    The term has the unit of the data for a linear decoder, otherwise that of the latents.

    Args:
        weight: λ; a schedule that begins at 0 keeps latents from dying early.
        decoder_norms: weight each latent by the norm of its column, which needs a linear decoder. If false, keep the
            decoder's weights small with ``train.groups: {"decoder.*": {weight_decay: 1e-4}}``.

    Source:
        Bricken et al. (2023), Towards Monosemanticity. https://transformer-circuits.pub/2023/monosemantic-features
        Conerly et al. (2024), Update on How We Train SAEs (the norms).
        https://transformer-circuits.pub/2024/april-update/index.html

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("sparse-ae-l1-512d", data_shape=(64,))
        >>> sorted(model.loss(torch.randn(16, 64)).terms)
        ['l1', 'squared_error']
    """

    def __init__(self, *, weight: NonNegativeWeight = 0.1, decoder_norms: bool = True) -> None:
        super().__init__(weight)
        self.decoder_norms = decoder_norms

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a linear decoder if its norms are used."""
        if self.decoder_norms and model.decoder.column_norms() is None:
            raise ComponentError(
                f"regulariser 'l1' weighs latents by the norms of the decoder's columns, but the decoder "
                f"{spec.decoder.name if spec.decoder else 'none'!r} is not linear as it is set",
                where="model.regularisers",
                remedy="Use the decoder `dictionary`, or `mlp` with `widths: []`; or set `decoder_norms: false`.",
            )

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the sum over the latents, the mean over draws and examples."""
        sizes = at_least_float32(samples.z).flatten(2).abs()
        norms = samples.inference.model.decoder.column_norms() if self.decoder_norms else None
        return (sizes if norms is None else sizes * norms).sum(2).mean()
