"""A critic that makes the latents of an autoencoder look like draws of the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional as F

import zoo
from zoo.nn.adversary import Discriminator
from zoo.regularisers import Regulariser

if TYPE_CHECKING:
    from zoo.model import LatentSamples


@zoo.register("regulariser", "latent_critic")
class LatentCritic(Regulariser):
    """The adversarial autoencoder's term: the encoder makes a critic believe that its latents are draws of the prior.

    Args:
        weight: of the term.
        width: units of each hidden layer of the critic.

    Source:
        Makhzani et al. (2016), Adversarial Autoencoders. https://arxiv.org/abs/1511.05644
    """

    def __init__(self, *, latent_dim: int, weight: float = 1.0, width: PositiveInt = 64) -> None:
        super().__init__(weight)
        self.critic = Discriminator(latent_dim, width=width, depth=2)

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return −E log D(z), in nats."""
        return F.softplus(-self.critic.logits(samples.z[0])).mean()

    def evidence(self, samples: LatentSamples) -> tuple[Tensor, Tensor]:
        """Return draws of the prior, which have label 1, and latents, which have label 0."""
        return samples.p.sample(torch.Size([samples.z.shape[1]])), samples.z[0]
