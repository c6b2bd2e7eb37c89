"""A prior over maps of latents of several sizes, each drawn given those above it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from zoo.nn.hierarchies.maps import TopDownMapTrunk, level_sizes
from zoo.nn.hierarchies.vectors import Hierarchy, TopDownDistribution
from zoo.nn.layers.activations import ActivationName
from zoo.priors import Prior
from zoo.registry import register


@register("prior", "top_down_map")
class TopDownMap(Prior):
    """Hierarchical prior p(z_L) p(z_{L−1} | z_L) … over maps, from small ones at the top to large ones, each Gaussian.

    Choose it for images and series with the posterior ``top_down_map`` or ``ladder_map``: levels at the top describe
    the layout of the whole image; levels at the bottom are as large as the encoder's features and describe details at
    their places. Each size is half of the one below it, rounded up. ``latent_dim`` is the number of channels of each
    level. The maps of all levels are flattened into one vector, top first, so metrics, figures and bounds work as with
    any other model; the vector has latent_dim · Σ_l h_l w_l numbers. For vectors choose ``top_down``.

    Lower levels tend to encode everything; ``free_bits`` of the objective ``vae`` keeps all levels in use.

    Args:
        levels: number of sizes of maps, with one level each; or the number of levels of each size, top first, such
            as ``[1, 2, 2]``.
        width: channels of the state that is passed down with the latents.
        depth: convolutions of each level's network that keep the size of the map.
        activation: the nonlinearity after each of them.

    Raises:
        ComponentError: the encoder returns vectors.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> prior = TopDownMap(feature_shape=(64, 7, 7), latent_dim=4, levels=3)
        >>> prior().sample((5,)).shape  # 4 · (2 · 2 + 4 · 4 + 7 · 7)
        torch.Size([5, 276])
    """

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        levels: PositiveInt | Annotated[list[PositiveInt], Field(min_length=1)] = 3,
        width: PositiveInt = 32,
        depth: PositiveInt = 1,
        activation: ActivationName = "silu",
    ) -> None:
        super().__init__()
        sizes = level_sizes(tuple(feature_shape), levels)
        trunk = TopDownMapTrunk(latent_dim, sizes, width, depth, activation=activation)
        self.hierarchy, self.latent_shape = Hierarchy(trunk), (sum(trunk.sizes),)

    def forward(self) -> TopDownDistribution:
        """Return p(z) with event shape (latent_dim · Σ_l h_l w_l,)."""
        return TopDownDistribution(self.hierarchy)
