"""A posterior with several levels that multiplies the prior of each level by a message from x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.nn.hierarchies.vectors import hierarchy_of
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, linear_block
from zoo.posteriors import Head, positive
from zoo.posteriors._top_down import HierarchicalPosterior, TopDownPosterior, corrected
from zoo.registry import register
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.priors import Prior


@register("posterior", "ladder")
class Ladder(HierarchicalPosterior):
    r"""Ladder posterior: q(z_l | z_>l, x) ∝ N(z_l; μ̂_l, σ̂_l²) p(z_l | z_>l), each level's prior times a message from x.

    The messages (μ̂_l, σ̂_l) come from a chain of layers upwards from the features, one layer a level; at the top q is
    the message alone. The product of two Gaussians has the sum of their precisions,

        σ² = 1 / (σ̂⁻² + σ_p⁻²),  μ = σ² (μ̂ σ̂⁻² + μ_p σ_p⁻²).

    Choose it over ``top_down`` if a level should keep its prior when x gives no information about it; a level is never
    less certain than its prior. With one level it is ``diagonal_gaussian``.

    Args:
        width: units of each layer of the chain.
        activation: the nonlinearity after each of them.
        floor: the smallest σ̂.

    Raises:
        ComponentError: the prior has no levels.

    Source:
        Sønderby et al. (2016), Ladder Variational Autoencoders, section 2.2. https://arxiv.org/abs/1602.02282

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("ladder-vae-mlp-12d", data_shape=(1, 8, 8))
        >>> samples = model.inference(torch.rand(4, 1, 8, 8)).draw(5)
        >>> samples.z.shape, samples.kl_of_levels().shape
        (torch.Size([5, 4, 12]), torch.Size([3, 4]))
    """

    def __init__(
        self,
        *,
        features: int,
        prior: Prior,
        width: PositiveInt = 64,
        activation: ActivationName = "relu",
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        sizes = hierarchy_of(prior).trunk.sizes
        self.latent_shape, self.floor = (sum(sizes),), floor
        inputs = [features] + [width] * (len(sizes) - 1)
        # From the bottom up: the layers take the features of x at the bottom level.
        self.layers = nn.ModuleList(linear_block(each, width, BlockOptions(activation)) for each in inputs[:-1])
        self.heads = nn.ModuleList(Head(each, 2 * size) for each, size in zip(inputs, reversed(sizes), strict=True))

    def forward(self, h: Tensor, inference: Inference) -> TopDownPosterior:  # type: ignore[override]
        """Map features (B, F) to distributions with batch shape (B,) and event shape (latent_dim,)."""
        return TopDownPosterior(hierarchy_of(inference.model.latent_prior), corrected(self._messages(h)), h)

    def _messages(self, h: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the mean and the scale (B, d_l) of the message for each level, top first."""
        first = self.heads[0]
        assert isinstance(first, Head)
        messages, up = [], h.to(first.weight.dtype)
        with full_precision(up):
            for index, head in enumerate(self.heads):
                mean, raw_scale = head(up).chunk(2, dim=-1)
                messages.append((mean, positive(raw_scale, self.floor)))
                if index < len(self.layers):
                    up = self.layers[index](up)
        return messages[::-1]
