"""A small classifier whose last hidden layer serves as features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FEATURES = 32
"""Few enough to estimate their covariance from a few hundred examples."""


class FeatureClassifier(nn.Module):
    """Two strided convolutions for images, one hidden layer for other data; then 32 features, then the classes.

    The features are the outputs of the last hidden layer before its nonlinearity, where they are closest to Gaussian.

    Example:
        >>> FeatureClassifier((1, 8, 8), classes=10).features(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 32])
    """

    shift: Tensor
    span: Tensor

    def __init__(self, data_shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.data_shape = tuple(data_shape)
        self.register_buffer("shift", torch.zeros(()))
        self.register_buffer("span", torch.ones(()))
        if len(data_shape) == 3:
            channels, height, width = data_shape
            flat = 64 * math.ceil(height / 4) * math.ceil(width / 4)
            self.body = nn.Sequential(
                nn.Conv2d(channels, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(flat, FEATURES),
            )
        else:
            self.body = nn.Sequential(
                nn.Flatten(), nn.Linear(math.prod(data_shape), 128), nn.ReLU(), nn.Linear(128, FEATURES)
            )
        self.head = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """Map data (B, *data_shape) to features (B, 32)."""
        found: Tensor = self.body((x - self.shift) / self.span)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Map data (B, *data_shape) to logits (B, classes)."""
        logits: Tensor = self.head(self.features(x).relu())
        return logits
