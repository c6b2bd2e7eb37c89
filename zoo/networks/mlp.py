"""The residual fully connected network."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.networks import Network
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, linear_block
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("network", "mlp")
class ResidualMLP(Network):
    """Fully connected residual blocks of one width; with ``skip`` the input is added to the output.

    Choose it for vectors and tables. It is initialised as the identity with ``skip``, and as zero without.

    Shapes:
        data (B, *data_shape), condition (B, condition_dim) or None → (B, *data_shape).

    Args:
        width: units of each layer.
        depth: residual blocks of two layers each.
        skip: add the input to the output. Choose it if the output is near the input, like the previous state of a
            chain.
        activation: the nonlinearity.
        normalisation: what normalises each layer's outputs before the condition acts on them.
        dropout: the share of units that training sets to zero.

    Raises:
        DataError: data of another shape.
        ComponentError: a condition is missing, unwanted or of another shape.

    Source:
        He et al. (2016), Identity Mappings in Deep Residual Networks. https://arxiv.org/abs/1603.05027

    Example:
        >>> import torch
        >>> x = torch.randn(5, 2)
        >>> torch.equal(ResidualMLP(data_shape=(2,), condition_dim=0)(x), x)
        True
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        condition_dim: int,
        width: PositiveInt = 128,
        depth: PositiveInt = 3,
        skip: bool = True,
        activation: ActivationName = "silu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.data_shape, self.condition_dim, self.skip = tuple(data_shape), condition_dim, skip
        values = math.prod(data_shape)
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        self.input = nn.Linear(values, width)
        self.first = nn.ModuleList(linear_block(width, width, options) for _ in range(depth))
        self.second = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.output = nn.Linear(width, values)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map data (B, *data_shape) to (B, *data_shape)."""
        check_batch(x, self.data_shape, "data")
        check_condition(condition, self.condition_dim, x.shape[0])
        h = self.input(x.flatten(1))
        for first, second in zip(self.first, self.second, strict=True):
            h = h + second(first(h, condition))
        change: Tensor = self.output(h).view(-1, *self.data_shape)
        return x + change if self.skip else change
