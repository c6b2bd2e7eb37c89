"""Normalisations by name, for vectors and for images."""

from __future__ import annotations

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

NormalisationName = Literal["none", "batch", "layer", "group"]
"""The names that a component's option ``normalisation`` takes."""


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of vectors (B, C) or maps (B, C, H, W) that takes a batch of a single value, too.

    One value has no variance, and PyTorch's own layers stop there. An epoch whose last batch is a single
    example shall neither end the training nor spoil the running statistics: such a batch is normalised by the
    running statistics, and leaves them as they are.

    Source:
        Ioffe & Szegedy (2015), Batch Normalization. https://arxiv.org/abs/1502.03167

    Example:
        >>> import torch
        >>> BatchNorm(3).train()(torch.zeros(1, 3)).shape
        torch.Size([1, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel by its mean and variance over examples and pixels."""
        if self.training and input.numel() == input.shape[1]:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 4):
            raise ValueError(f"expected (B, C) or (B, C, H, W), got {tuple(input.shape)}")


def normalisation(name: NormalisationName, width: int, *, images: bool = False) -> nn.Module:
    """Return the normalisation called ``name`` for vectors (B, width) or maps (B, width, H, W).

    ``batch`` pools over the examples and pixels of a batch, trains fast with large batches, and ties examples
    to each other; ``layer`` pools over all features and pixels of one example; ``group`` over groups of at
    least four of its features, eight groups at most, and is the usual choice for denoisers.

    Source:
        Ba, Kiros & Hinton (2016), Layer Normalization. https://arxiv.org/abs/1607.06450
        Wu & He (2018), Group Normalization, section 3. https://arxiv.org/abs/1803.08494

    Example:
        >>> normalisation("group", 32, images=True).num_groups
        8
    """
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return BatchNorm(width)
    if name == "layer" and not images:
        return nn.LayerNorm(width)  # the same as one group, and faster
    return nn.GroupNorm(_groups(width) if name == "group" else 1, width)


def _groups(width: int) -> int:
    # A group of one channel would be wiped out where the map has shrunk to one pixel.
    return math.gcd(width, max(1, min(8, width // 4)))
