"""The term of the adversarial autoencoder: a critic distinguishes latents of data from draws of the prior."""

from __future__ import annotations

from typing import ClassVar

from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from zoo.model import LatentSamples
from zoo.nn.adversary import Discriminator
from zoo.nn.layers.activations import ActivationName
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight


@register("regulariser", "code_critic")
class CodeCritic(Regulariser):
    r"""Adversarial autoencoder: the encoder learns latents that a critic cannot distinguish from draws of the prior.

    With the objective ``autoencoder`` and the posterior ``point`` it is the adversarial autoencoder; for a Gaussian
    posterior use the objective ``vae`` with ``beta: 0``. It needs only draws, so any prior works, even one without a
    density. Choose ``mmd`` for the same purpose without a second network.

    The critic minimises −½ E_p(z) log D(z) − ½ E_q(z) log(1 − D(z)), and its best logit is log p(z) − log q(z). The
    encoder minimises −E_q(z) log D(z), the non-saturating form; the gradient reaches neither decoder nor critic. If
    q(z) equals the prior, the term is log 2 ≈ 0.693 nats.

    Args:
        weight: weight of the encoder's term. If it is too large, or the critic is too wide for its learning rate, the
            encoder changes faster than the critic: the term is far below log 2, and samples are poor.
        width: units of each hidden layer of the critic.
        depth: hidden layers of the critic.
        activation: the nonlinearity after each of them.

    Source:
        Makhzani et al. (2016), Adversarial Autoencoders, section 2. https://arxiv.org/abs/1511.05644

    Example:
        >>> import torch, zoo
        >>> critic = {"name": "code_critic", "width": 32}
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), regularisers={"critic": critic})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['critic', 'squared_error']
    """

    unit: ClassVar[str] = "nats"

    def __init__(
        self,
        *,
        latent_dim: int,
        weight: NonNegativeWeight = 0.1,
        width: PositiveInt = 256,
        depth: NonNegativeInt = 2,
        activation: ActivationName = "leaky_relu",
    ) -> None:
        super().__init__(weight)
        self.critic = Discriminator(latent_dim, width=width, depth=depth, activation=activation)

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return −E log D(z) over the latents of the batch, in nats."""
        return F.softplus(-self.critic.logits(samples.z[0].flatten(1))).mean()

    def evidence(self, samples: LatentSamples) -> tuple[Tensor, Tensor]:
        """Return draws of the prior, which have label 1, and latents, which have label 0, (B, d) each."""
        return samples.prior_draws.flatten(1), samples.z[0].flatten(1)
