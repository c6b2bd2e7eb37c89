"""Codes that move along one latent dimension at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import InputError


class Traversals(NamedTuple):
    """Codes that differ from one code in one dimension.

    Attributes:
        codes: (D, steps, d), a row for each dimension that is traversed.
        dimensions: (D,) the indices of those dimensions.
        values: (D, steps) the values of the dimension.
    """

    codes: Tensor
    dimensions: Tensor
    values: Tensor


def traverse(base: Tensor, means: Tensor, *, steps: int = 9, count: int = 10, tail: float = 0.02) -> Traversals:
    """Move a code along each dimension through the range in which the codes of the data lie.

    The dimensions in which the data vary most come first.

    Args:
        base: (d,) the code to start from.
        means: (N, d) codes of data, which determine the range of each dimension.
        steps: number of values of each dimension, equally spaced.
        count: maximum number of dimensions.
        tail: the share of the codes left out at either end of the range.

    Source:
        Higgins et al. (2017), β-VAE, figure 1. https://openreview.net/forum?id=Sy2fzU9gl

    Example:
        >>> means = torch.tensor([[0.0, 0.0], [1.0, 9.0]])
        >>> result = traverse(torch.zeros(2), means, steps=3, tail=0.0)
        >>> result.dimensions.tolist(), result.values[0].tolist()
        ([1, 0], [0.0, 4.5, 9.0])
    """
    if base.ndim != 1 or means.ndim != 2 or means.shape[1] != len(base) or len(means) == 0:
        raise InputError(
            f"expected a code (d,) and codes (N, d), got {tuple(base.shape)} and {tuple(means.shape)}",
            where="traverse",
        )
    order = means.var(0, correction=0).sort(descending=True, stable=True).indices[:count]
    low, high = torch.quantile(means[:, order].T, torch.tensor([tail, 1 - tail], dtype=means.dtype), dim=1)
    values = torch.lerp(low[:, None], high[:, None], torch.linspace(0, 1, steps, dtype=means.dtype))
    codes = base.expand(len(order), steps, -1).clone()
    codes.scatter_(2, order[:, None, None].expand(-1, steps, 1), values.to(base.dtype)[..., None])
    return Traversals(codes, order, values)
