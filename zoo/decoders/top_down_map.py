"""A convolutional decoder that continues the networks of a hierarchical prior over maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.decoders._maps import MapDecoder
from zoo.errors import ComponentError
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.hierarchies.maps import TopDownMapTrunk
from zoo.nn.hierarchies.vectors import Hierarchy
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.priors import Prior


@register("decoder", "top_down_map")
class TopDownMapDecoder(MapDecoder):
    """Convolutions from the last level's map and the state above it, in which the other levels are, to the data.

    Choose it with the prior ``top_down_map``, whose networks it shares: the lower levels and the data are drawn from
    the same state, so that a deep hierarchy has one deep network from the top to the data. In training the posterior
    has been down the prior's networks already, and hands the state over. The decoders ``mlp`` and ``conv`` see the
    latents of all levels as one vector instead.

    Shapes:
        latents (B, latent_dim), condition (B, condition_dim) or None, state (B, S) or None → raw parameters
        (B, *output_shape).

    Args:
        channels: maps of each stage, in the order in which data pass them; each stage doubles the map. The encoder
            ``conv`` has as many stages.
        depth: convolutions of each stage; the last of them doubles.
        activation: the nonlinearity after each layer but the last.
        normalisation: what normalises each layer's maps, except the last layer's, before the condition acts on them.
        dropout: the share of maps that training sets to zero.
        spectral_norm: divide the weight of each layer by its largest singular value, which bounds how fast the output
            changes with the latents and the state, as in a regularised autoencoder (RAE-SN).

    Raises:
        DataError: latents of another shape.
        ComponentError: the prior has no levels of maps, or its last level is not of the size at which as many halvings
            of the data end; a condition is missing, unwanted or of another shape.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> import torch
        >>> from zoo.priors.top_down_map import TopDownMap
        >>> prior = TopDownMap(feature_shape=(64, 7, 7), latent_dim=4, levels=3)
        >>> decoder = TopDownMapDecoder(latent_dim=276, output_shape=(1, 28, 28), condition_dim=0, prior=prior)
        >>> decoder(torch.randn(5, 276)).shape
        torch.Size([5, 1, 28, 28])
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        output_shape: tuple[int, ...],
        condition_dim: int,
        prior: Prior,
        channels: Annotated[list[PositiveInt], Field(min_length=1)] = [64, 32],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        spectral_norm: bool = False,
    ) -> None:
        hierarchy = getattr(prior, "hierarchy", None)
        if not isinstance(hierarchy, Hierarchy) or not isinstance(hierarchy.trunk, TopDownMapTrunk):
            raise ComponentError(
                f"expected a prior over several levels of maps, got {type(prior).__name__}",
                remedy="Set `prior: top_down_map`, or another decoder.",
            )
        trunk, options = hierarchy.trunk, BlockOptions(activation, normalisation, dropout, condition_dim)
        state_channels = trunk.width if len(trunk.sizes) > 1 else 0
        map_shape = (state_channels + trunk.channels, *trunk.places[-1])
        super().__init__(map_shape, output_shape, channels, depth, options, spectral_norm=spectral_norm)
        self.trunk, self.latent_dim = trunk, latent_dim

    def forward(self, z: Tensor, condition: Tensor | None = None, carry: Tensor | None = None) -> Tensor:
        """Map latents (B, latent_dim) to raw parameters (B, *output_shape).

        Args:
            carry: (B, S) the state above the last level, if it is known already.
        """
        check_batch(z, (self.latent_dim,), "latents")
        check_condition(condition, self.condition_dim, z.shape[0])
        trunk = self.trunk
        state = trunk.state(z) if carry is None else carry
        maps = trunk.to_maps(len(trunk.sizes) - 1, state, z[:, -trunk.sizes[-1] :])
        return self.raw_parameters(maps, condition)
