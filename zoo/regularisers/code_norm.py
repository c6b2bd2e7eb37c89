"""Squared length of the codes: regularised autoencoders."""

from __future__ import annotations

from torch import Tensor

from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32


@register("regulariser", "code_norm")
class CodeNorm(Regulariser):
    r"""Half the squared length of the latents, ½ E‖z‖².

    With the objective ``autoencoder`` and a regulariser of the decoder, it gives the regularised autoencoder (RAE):
    codes stay near the origin, and a prior fitted after training gives good samples. Alone it has no lasting effect,
    because codes can shrink while the decoder's weights grow. Add one of: ``decoder_jacobian`` (RAE-GP), weight decay
    by ``train.groups: {"decoder.*": {weight_decay: 1e-4}}`` (RAE-L2), or a decoder with ``spectral_norm: true``
    (RAE-SN).

    The term has the unit of squared latents.

    Args:
        weight: β.

    Source:
        Ghosh et al. (2020), From Variational to Deterministic Autoencoders, section 3.
        https://arxiv.org/abs/1903.12436

    Example:
        >>> import torch, zoo
        >>> norm = {"name": "code_norm", "weight": 0.01}
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), regularisers={"norm": norm})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['norm', 'squared_error']
    """

    def __init__(self, *, weight: NonNegativeWeight = 0.01) -> None:
        super().__init__(weight)

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return ½‖z‖², the mean over draws and examples."""
        z = at_least_float32(samples.z)
        return 0.5 * z.square().sum() / z.shape[:2].numel()
