"""A posterior over levels of maps that multiplies the prior of each level by a message from x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.nn.hierarchies.maps import FlatMapHead, bottom_up_blocks, map_trunk_of
from zoo.nn.hierarchies.vectors import hierarchy_of
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions
from zoo.posteriors import positive
from zoo.posteriors._top_down import HierarchicalPosterior, TopDownPosterior, corrected
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.priors import Prior


@register("posterior", "ladder_map")
class LadderMap(HierarchicalPosterior):
    r"""Ladder posterior over maps: q(z_l | z_>l, x) ∝ N(z_l; μ̂_l, σ̂_l²) p(z_l | z_>l) at each place of each level.

    The messages (μ̂_l, σ̂_l) come from convolutions upwards from the features, one a level; at the top q is the message
    alone. Below, the product of two Gaussians adds their precisions, as in ``ladder``. Choose it over ``top_down_map``
    if a place should keep its prior when x gives no information about it; a level is never less certain than its prior.

    Shapes:
        features (B, C, *places) → batch shape (B,), event shape (latent_dim · Σ_l places_l,), top first.

    Args:
        width: channels of the convolutions.
        activation: the nonlinearity after each of them.
        floor: the smallest σ̂.

    Raises:
        ComponentError: the prior has no levels of maps, or the encoder returns vectors.

    Source:
        Sønderby et al. (2016), Ladder Variational Autoencoders, section 2.2. https://arxiv.org/abs/1602.02282

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("ladder-vae-conv-4d", data_shape=(1, 16, 16))
        >>> samples = model.inference(torch.rand(4, 1, 16, 16)).draw(5)
        >>> samples.z.shape, samples.kl_of_levels().shape  # 4 · (1 · 1 + 2 · 2 + 4 · 4)
        (torch.Size([5, 4, 84]), torch.Size([3, 4]))
    """

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        prior: Prior,
        width: PositiveInt = 32,
        activation: ActivationName = "silu",
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        trunk = map_trunk_of(prior)
        self.latent_shape, self.floor = (sum(trunk.sizes),), floor
        # From the bottom up: the layers take the features of x at the bottom level.
        self.layers = bottom_up_blocks(tuple(feature_shape), trunk, width, BlockOptions(activation))
        self.heads = nn.ModuleList(FlatMapHead(width, 2 * trunk.channels, places) for places in trunk.places[::-1])

    def forward(self, h: Tensor, inference: Inference) -> TopDownPosterior:  # type: ignore[override]
        """Map features (B, C, *places) to distributions with batch shape (B,) and event shape (d,)."""
        messages = []
        for layer, head in zip(self.layers, self.heads, strict=True):
            h = layer(h)
            mean, raw_scale = head(h.flatten(1)).chunk(2, dim=-1)
            messages.append((mean, positive(raw_scale, self.floor)))
        return TopDownPosterior(hierarchy_of(inference.model.latent_prior), corrected(messages[::-1]), h)
