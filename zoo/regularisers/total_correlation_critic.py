"""The penalty of FactorVAE: total correlation, estimated by a critic."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from zoo.model import LatentSamples
from zoo.nn.adversary import Discriminator
from zoo.nn.layers.activations import ActivationName
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight


@register("regulariser", "total_correlation_critic")
class TotalCorrelationCritic(Regulariser):
    r"""Total correlation KL(q(z) ‖ Π_j q(z_j)) of the latents, estimated by a critic that is trained together with the
    model.

    With the objective ``vae`` it gives FactorVAE, which encourages independent latents at less cost to the
    reconstructions than a large β. The critic distinguishes latents from latents whose dimensions were shuffled over
    the batch; its logit estimates the log-ratio of the densities, whose mean under q(z) is the total correlation in
    nats. The model minimises this estimate; the critic's own loss trains only the critic.

    The paper shuffles a second batch; here the same batch is shuffled, so the marginals are exactly those of the
    latents.

    Args:
        weight: γ.
        width: units of each hidden layer of the critic.
        depth: hidden layers of the critic.
        activation: the nonlinearity after each of them; that of the paper is ``leaky_relu``.

    Source:
        Kim & Mnih (2018), Disentangling by Factorising, equation 2 and algorithm 2. https://arxiv.org/abs/1802.05983

    Example:
        >>> import zoo
        >>> critic = {"name": "total_correlation_critic", "weight": 5.0, "width": 32}
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), regularisers={"tc": critic})
        >>> list(model.adversaries())
        ['tc']
    """

    unit: ClassVar[str] = "nats"

    def __init__(
        self,
        *,
        latent_dim: int,
        weight: NonNegativeWeight = 35.0,
        width: PositiveInt = 1000,
        depth: NonNegativeInt = 6,
        activation: ActivationName = "leaky_relu",
    ) -> None:
        super().__init__(weight)
        self.critic = Discriminator(latent_dim, width=width, depth=depth, activation=activation)

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the estimate of the total correlation, the critic's mean logit, in nats."""
        return self.critic.logits(samples.z[0].flatten(1)).mean()

    def evidence(self, samples: LatentSamples) -> tuple[Tensor, Tensor]:
        """Return latents (B, d), and latents each of whose dimensions was shuffled over the batch."""
        z = samples.z[0].detach().flatten(1)
        return z, shuffle_dimensions(z)


def shuffle_dimensions(z: Tensor) -> Tensor:
    """Return latents (B, d) with every dimension permuted over the batch on its own.

    Example:
        >>> shuffled = shuffle_dimensions(torch.arange(8.0).reshape(4, 2))
        >>> shuffled.sort(0).values.tolist()
        [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    """
    return z.gather(0, torch.rand(z.shape, device=z.device).argsort(0))
