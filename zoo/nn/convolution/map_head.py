"""The layer that returns the parameters of a distribution over maps."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.utils.precision import at_least_float32, full_precision


class MapHead(nn.Conv2d):
    """A 1×1 convolution that computes in float32 or better, because the 8 bits of bf16 are too few for a variance.

    Args:
        feature_shape: shape of the features of one example, (C, h, w).
        channels: of the output.

    Raises:
        ComponentError: the features are not maps.
    """

    def __init__(self, feature_shape: tuple[int, ...], channels: int) -> None:
        if len(feature_shape) != 3:
            raise ComponentError(
                f"expected feature maps (C, h, w), got features of shape {tuple(feature_shape)}",
                remedy="Use the encoder `conv` with `hidden: null`, or a posterior over vectors.",
            )
        super().__init__(feature_shape[0], channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Map features (B, C, h, w) to outputs (B, channels, h, w)."""
        with full_precision(h):
            bias = None if self.bias is None else at_least_float32(self.bias)
            return F.conv2d(at_least_float32(h), at_least_float32(self.weight), bias)
