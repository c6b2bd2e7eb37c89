"""A posterior over levels of maps, each given the levels above it and x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Independent

from zoo.nn.convolution.maps import keep_size
from zoo.nn.hierarchies.maps import FlatMapHead, bottom_up_blocks, map_trunk_of
from zoo.nn.hierarchies.vectors import hierarchy_of
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import Block, BlockOptions
from zoo.posteriors import positive
from zoo.posteriors._top_down import (
    HierarchicalPosterior,
    TopDownPosterior,
    gaussian,
    joined,
)
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.priors import Prior


@register("posterior", "top_down_map")
class TopDownMap(HierarchicalPosterior):
    r"""Hierarchical posterior q(z_L|x) Π_l q(z_l | z_>l, x) over maps, which follows the prior ``top_down_map`` down.

    For each level, a convolution reduces the features of x to the size of the level's map. A level is a diagonal
    Gaussian whose parameters a convolution computes from these features and from the state that the prior's networks
    compute from the levels above. Choose it for images and series with the prior ``top_down_map``; the posterior
    ``ladder_map`` has fewer networks, and each level starts from its prior. Given the levels above, the KL divergence
    of each level has a closed form; a bound sums them, and ``free_bits`` of the objective ``vae`` keeps each one above
    a floor.

    Shapes:
        features (B, C, *places) → batch shape (B,), event shape (latent_dim · Σ_l places_l,), top first.

    Args:
        width: channels of the convolutions.
        activation: the nonlinearity after each of them.
        floor: the smallest σ.

    Raises:
        ComponentError: the prior has no levels of maps, or the encoder returns vectors.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("hvae-conv-4d", data_shape=(1, 16, 16))
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
        trunk, options = map_trunk_of(prior), BlockOptions(activation)
        self.latent_shape, self.floor = (sum(trunk.sizes),), floor
        self.layers = bottom_up_blocks(tuple(feature_shape), trunk, width, options)
        inputs = [width] + [width + trunk.width] * (len(trunk.sizes) - 1)
        dims = len(trunk.places[0])
        self.networks = nn.ModuleList(
            Block(keep_size(each, width, dims=dims), width, options, dims=dims) for each in inputs
        )
        self.heads = nn.ModuleList(FlatMapHead(width, 2 * trunk.channels, places) for places in trunk.places)

    def forward(self, h: Tensor, inference: Inference) -> TopDownPosterior:  # type: ignore[override]
        """Map features (B, C, *places) to distributions with batch shape (B,) and event shape (d,)."""
        prior = inference.model.latent_prior
        trunk = map_trunk_of(prior)
        features: list[Tensor] = []
        for layer in self.layers:
            h = layer(h)
            features.insert(0, h.flatten(1))

        def choose(index: int, state: Tensor | None, p: Independent) -> Independent:
            head, places = self.heads[index], trunk.places[index]
            assert isinstance(head, FlatMapHead)
            known: Tensor = features[index] if state is None else joined([features[index], state], head.weight.dtype)
            maps = self.networks[index](
                known.to(head.weight.dtype).reshape(-1, known.shape[-1] // head.places, *places)
            )
            mean, raw_scale = head(maps.reshape(*known.shape[:-1], -1)).chunk(2, dim=-1)
            return gaussian(mean, positive(raw_scale, self.floor))

        return TopDownPosterior(hierarchy_of(prior), choose, h)
