"""A decoder that continues the networks of a hierarchical prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.decoders._fully_connected import FullyConnectedDecoder
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.hierarchies.vectors import hierarchy_of
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.priors import Prior


@register("decoder", "top_down")
class TopDownDecoder(FullyConnectedDecoder):
    """Fully connected layers from the last level's latents and the state above it, in which the other levels are.

    Choose it with the prior ``top_down``, whose networks it shares: the lower levels and the data are drawn from the
    same state, so that a deep hierarchy has one deep network from the top to the data. In training the posterior has
    been down the prior's networks already, and hands the state over. The decoder ``mlp`` sees the latents of all
    levels instead.

    Shapes:
        latents (B, latent_dim), condition (B, condition_dim) or None, state (B, S) or None → raw parameters
        (B, *output_shape).

    Args:
        widths: units of the hidden layers, in the order in which data pass them; []: none. A condition then scales and
            shifts the raw parameters.
        depth: layers of each width.
        activation: the nonlinearity after each hidden layer.
        normalisation: what normalises each hidden layer's outputs before the condition acts on them.
        dropout: the share of hidden units that training sets to zero.
        spectral_norm: divide the weight of each layer by its largest singular value, which bounds how fast the output
            changes with the latents and the state, as in a regularised autoencoder (RAE-SN).

    Raises:
        DataError: latents of another shape.
        ComponentError: the prior has no levels, or a condition is missing, unwanted or of another shape.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> from zoo.priors.top_down import TopDown
        >>> prior = TopDown(latent_dim=6, levels=3)
        >>> decoder = TopDownDecoder(latent_dim=6, output_shape=(1, 8, 8), condition_dim=0, prior=prior)
        >>> decoder(torch.randn(5, 6)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        output_shape: tuple[int, ...],
        condition_dim: int,
        prior: Prior,
        widths: list[PositiveInt] = [256, 512],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        activation: ActivationName = "relu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        spectral_norm: bool = False,
    ) -> None:
        trunk = hierarchy_of(prior, "Set `prior: top_down`, or `decoder: mlp`.").trunk
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        inputs = trunk.state_dims[-1] + trunk.sizes[-1]
        super().__init__(inputs, output_shape, widths, depth, options, spectral_norm=spectral_norm)
        self.trunk, self.latent_dim = trunk, latent_dim

    def forward(self, z: Tensor, condition: Tensor | None = None, carry: Tensor | None = None) -> Tensor:
        """Map latents (B, latent_dim) to raw parameters (B, *output_shape).

        Args:
            carry: (B, S) the state above the last level, if it is known already.
        """
        check_batch(z, (self.latent_dim,), "latents")
        check_condition(condition, self.condition_dim, z.shape[0])
        state = self.trunk.state(z) if carry is None else carry
        last = z[:, -self.trunk.sizes[-1] :]
        h = last if state is None else torch.cat([state, last.to(state.dtype)], dim=-1)
        return self.raw_parameters(h, condition)
