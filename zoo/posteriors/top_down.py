"""A posterior with several levels, each given the levels above it and x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Independent

from zoo.nn.hierarchies.vectors import hierarchy_of
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, linear_chain
from zoo.posteriors import Head, positive
from zoo.posteriors._top_down import HierarchicalPosterior, TopDownPosterior, gaussian, joined
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.priors import Prior


@register("posterior", "top_down")
class TopDown(HierarchicalPosterior):
    r"""Hierarchical posterior q(z_L|x) Π_l q(z_l | z_>l, x), which follows the prior ``top_down`` from the top down.

    Each level is a diagonal Gaussian whose parameters a network computes from the features of x and from the state that
    the prior's networks compute from the levels above. Choose it with the prior ``top_down``; the posterior ``ladder``
    has fewer networks, and each level starts from its prior. Given the levels above, the KL divergence of each level
    has a closed form; a bound sums them, and ``free_bits`` of the objective ``vae`` keeps each one above a floor.

    Args:
        widths: units of the layers of each level's network; [] makes each level linear in the features and the state.
        activation: the nonlinearity after each of those layers.
        floor: the smallest σ.

    Raises:
        ComponentError: the prior has no levels.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("hvae-mlp-12d", data_shape=(1, 8, 8))
        >>> samples = model.inference(torch.rand(4, 1, 8, 8)).draw(5)
        >>> samples.z.shape, samples.kl_of_levels().shape
        (torch.Size([5, 4, 12]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        *,
        features: int,
        prior: Prior,
        widths: list[PositiveInt] = [64],  # noqa: B006 - only read
        activation: ActivationName = "relu",
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        trunk = hierarchy_of(prior).trunk
        self.latent_shape, self.floor = (sum(trunk.sizes),), floor
        options = BlockOptions(activation)
        inputs = [features + state for state in trunk.state_dims]
        self.networks = nn.ModuleList(linear_chain(each, widths, 1, options) for each in inputs)
        self.heads = nn.ModuleList(
            Head(widths[-1] if widths else each, 2 * size) for each, size in zip(inputs, trunk.sizes, strict=True)
        )

    def forward(self, h: Tensor, inference: Inference) -> TopDownPosterior:  # type: ignore[override]
        """Map features (B, F) to distributions with batch shape (B,) and event shape (latent_dim,)."""

        def choose(index: int, state: Tensor | None, p: Independent) -> Independent:
            head = self.heads[index]
            assert isinstance(head, Head)
            inputs = joined([h] if state is None else [h, state], head.weight.dtype)
            mean, raw_scale = head(self.networks[index](inputs)).chunk(2, dim=-1)
            return gaussian(mean, positive(raw_scale, self.floor))

        return TopDownPosterior(hierarchy_of(inference.model.latent_prior), choose, h)
