"""Normalisations by name, for vectors and for maps."""

from __future__ import annotations

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

NormalisationName = Literal["none", "batch", "layer", "group"]
"""The names that a component's option ``normalisation`` takes."""


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of vectors (B, C), series (B, C, L) or images (B, C, H, W) that also takes a single value.

    One value has no variance, and PyTorch's own layers raise an error there. If the last batch of an epoch is a single
    example, it is normalised by the running statistics and leaves them unchanged, so training continues.

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
        if input.dim() not in (2, 3, 4):
            raise ValueError(f"expected (B, C), (B, C, L) or (B, C, H, W), got {tuple(input.shape)}")


def normalisation(name: NormalisationName, width: int, *, dims: int = 0) -> nn.Module:
    """Return the normalisation called ``name`` for vectors (B, width) or maps (B, width, L) or (B, width, H, W).

    ``batch`` pools over the examples and pixels of a batch; it trains fast with large batches, and makes the examples
    of a batch depend on each other. ``layer`` pools over all features and pixels of one example. ``group`` pools over
    groups of at least four features of one example, eight groups at most, and is usual for denoisers.

    Args:
        dims: axes of a map: 2 for images, 1 for series, 0 for vectors.

    Source:
        Ba, Kiros & Hinton (2016), Layer Normalization. https://arxiv.org/abs/1607.06450
        Wu & He (2018), Group Normalization, section 3. https://arxiv.org/abs/1803.08494

    Example:
        >>> normalisation("group", 32, dims=2).num_groups
        8
    """
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return BatchNorm(width)
    if name == "layer" and dims == 0:
        return nn.LayerNorm(width)  # the same as one group, but faster
    return nn.GroupNorm(_groups(width) if name == "group" else 1, width)


def _groups(width: int) -> int:
    # A group of one channel would become zero if its map has only one pixel.
    return math.gcd(width, max(1, min(8, width // 4)))
