"""The terms of the VAE-GAN: a critic of data, whose features compare data with their reconstructions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.model import LatentSamples, Model
from zoo.nn.adversary import BinaryCritic, Discriminator, MapDiscriminator
from zoo.nn.layers.activations import ActivationName
from zoo.registry import register
from zoo.regularisers import Regulariser, check_decodes, observed_means, reconstructed
from zoo.spec.model import ModelSpec
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import at_least_float32


@register("regulariser", "data_critic")
class DataCritic(Regulariser):
    r"""VAE-GAN: a critic of data, whose hidden layer also compares data with their reconstructions.

    With the objective ``vae`` and ``reconstruction_weight: 0`` it gives the VAE-GAN. Choose it for sharp samples; its
    loss is not a bound, has no unit, and is a poor measure of progress. With the critic D, its layer D_l, x̃ = G(E(x))
    and z_p ~ p(z), the networks are

    - the critic, which minimises −½ log D(x) − ¼ log(1 − D(x̃)) − ¼ log(1 − D(G(z_p))): real and generated data have
    the same weight, whereas in the paper reconstructions and samples each have the weight of
      the data;
    - the decoder, which minimises L_rec + a L_GAN, with L_rec = ½‖D_l(x) − D_l(x̃)‖² and
      L_GAN = −½ log D(x̃) − ½ log D(G(z_p)), the non-saturating form of the paper's loss;
    - the encoder, which minimises L_rec and the KL term of the objective; L_GAN does not reach it.

    Each is a mean over the batch. In the paper the decoder minimises γ L_rec + L_GAN: a = 1/γ, and the scale of the
    whole gradient makes no difference to Adam.

    Args:
        weight: weight of both terms.
        adversarial_weight: a, weight of L_GAN relative to L_rec.
        layer: l, numbered from 0; null: the last hidden layer.
        channels: maps of each convolution of the critic of images or series, each of which halves the size.
        width: units of each hidden layer of the critic of other data.
        depth: hidden layers of the critic of other data.
        activation: the nonlinearity after each hidden layer.
        normalisation: what normalises each hidden layer before it: with ``group`` or ``layer`` the features are of unit
            scale from the first step on, so that L_rec is not small compared with a KL term in nats.

    Source:
        Larsen et al. (2016), Autoencoding beyond Pixels Using a Learned Similarity Metric, equations 5 to 8 and
        algorithm 1. https://arxiv.org/abs/1512.09300

    Example:
        >>> import zoo
        >>> gan = {"name": "data_critic", "channels": [8, 16]}
        >>> model = zoo.build(
        ...     "vae-mlp-2d", data_shape=(1, 8, 8), objective={"reconstruction_weight": 0}, regularisers={"gan": gan}
        ... )
        >>> [term for term in model.loss(torch.rand(16, 1, 8, 8)).terms if term.startswith("gan")]
        ['gan.features', 'gan.adversarial']
    """

    compares_data: ClassVar[bool] = True

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        weight: NonNegativeWeight = 1.0,
        adversarial_weight: Annotated[float, Field(ge=0)] = 10.0,
        layer: NonNegativeInt | None = None,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [32, 64],  # noqa: B006 - only read
        width: PositiveInt = 256,
        depth: PositiveInt = 2,
        activation: ActivationName = "leaky_relu",
        normalisation: Literal["none", "layer", "group"] = "group",
    ) -> None:
        super().__init__(weight)
        is_map = len(data_shape) in (2, 3) and min(data_shape[1:]) >= 8
        count = len(channels) if is_map else depth
        if layer is not None and layer >= count:
            raise ComponentError(
                f"expected a layer from 0 to {count - 1}, since the critic has {count} hidden layers, got {layer}",
                where="layer",
                remedy="Leave it out for the last one.",
            )
        self.adversarial_weight, self.layer = adversarial_weight, -1 if layer is None else layer
        self.critic: BinaryCritic
        if is_map:
            self.critic = MapDiscriminator(data_shape, channels, activation=activation, normalisation=normalisation)
        else:
            values = torch.Size(data_shape).numel()
            self.critic = Discriminator(
                values, width=width, depth=depth, activation=activation, normalisation=normalisation
            )

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a model that decodes latents to data."""
        check_decodes(spec, model)

    def forward(self, samples: LatentSamples) -> dict[str, Tensor]:
        """Return ``features``, L_rec, and ``adversarial``, a L_GAN."""
        x, reconstruction = reconstructed(samples)
        with torch.no_grad():
            target = at_least_float32(self.critic.layers(x)[self.layer])
        # Decoded once more, from detached latents: the adversarial term must not train the encoder.
        again = samples.inference.decode(samples.z[0].detach())
        made = (observed_means(samples, again), observed_means(samples, samples.generated))
        layers = self.critic.layers(torch.cat([reconstruction, *made]))
        difference = at_least_float32(layers[self.layer][: len(x)]) - target
        features = 0.5 * difference.flatten(1).square().sum(1).mean()
        adversarial = F.softplus(-self.critic.logits_of(layers[-1][len(x) :])).mean()
        return {"features": features, "adversarial": self.adversarial_weight * adversarial}

    def evidence(self, samples: LatentSamples) -> tuple[Tensor, Tensor, Tensor]:
        """Return data, which have label 1, and their reconstructions and samples of the model, which have label 0."""
        return *reconstructed(samples), observed_means(samples, samples.generated)
