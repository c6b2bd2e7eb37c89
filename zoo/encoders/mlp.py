"""The fully connected encoder."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from zoo.encoders import Encoder
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, linear_chain
from zoo.nn.layers.modulation import Modulation
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("encoder", "mlp")
class MLPEncoder(Encoder):
    """Fully connected layers over the flattened data.

    Choose it for vectors and tables, and for small images, where it is fast: it does not know which pixels are
    neighbours, and its first layer has a weight for each pixel and unit. With ``widths: []`` the features are the data
    themselves, so that the posterior's mean is a linear map of them, as in principal component analysis.

    Shapes:
        data (B, *data_shape), condition (B, condition_dim) or None → features (B, widths[-1]), or (B, prod(data_shape))
        without hidden layers.

    Args:
        widths: units of the layers, in the order in which data pass them; []: no layers. A condition then scales and
            shifts the data.
        depth: layers of each width.
        activation: the nonlinearity after each layer.
        normalisation: what normalises each layer's outputs before the condition acts on them.
        dropout: the share of units that training sets to zero.
        pre_bias: subtract a learned vector from the data first. The decoder ``dictionary`` adds the same vector at the
            end, so that a sparse code describes how an example differs from it.

    Raises:
        DataError: data of another shape.
        ComponentError: a condition is missing, unwanted or of another shape.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix C. https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> encoder = MLPEncoder(data_shape=(1, 28, 28), condition_dim=0)
        >>> encoder(torch.rand(5, 1, 28, 28)).shape
        torch.Size([5, 256])
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        condition_dim: int,
        widths: list[PositiveInt] = [512, 256],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        activation: ActivationName = "relu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        pre_bias: bool = False,
    ) -> None:
        super().__init__()
        self.data_shape, self.condition_dim = tuple(data_shape), condition_dim
        values = math.prod(data_shape)
        self.features = widths[-1] if widths else values
        self.pre_bias = nn.Parameter(torch.zeros(values)) if pre_bias else None
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        self.blocks = linear_chain(values, widths, depth, options)
        self.modulation: Modulation | None = None
        if condition_dim and not widths:
            self.modulation = Modulation(width=values, condition_dim=condition_dim)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map data (B, *data_shape) to features (B, F)."""
        check_batch(x, self.data_shape, "data")
        check_condition(condition, self.condition_dim, x.shape[0])
        # `flatten`, not einops: on small models the difference is half a per cent of a step.
        x = x.flatten(1)
        if self.pre_bias is not None:
            x = x - self.pre_bias
        features: Tensor = self.blocks(x, condition)
        if self.modulation is not None and condition is not None:
            features = self.modulation(features, condition)
        return features
