"""Values that are hidden."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from zoo.corruptions import Corruption
from zoo.registry import register


@register("corruption", "masking")
class Masking(Corruption):
    """Set a share of the values of each example to 0, each independently of the others.

    Choose it for images with a black background, counts, and standardised tables, where 0 carries little information:
    the code must predict the hidden values from the others. Unlike dropout, it does not scale up the other values.

    Args:
        share: the probability with which a value is hidden.

    Source:
        Vincent et al. (2008), Extracting and Composing Robust Features with Denoising Autoencoders, section 2.3.
        https://doi.org/10.1145/1390156.1390294

    Example:
        >>> hidden = Masking(share=0.3)(torch.ones(10_000, 1))
        >>> hidden.unique(), hidden.mean().round(decimals=1)
        (tensor([0., 1.]), tensor(0.7000))
    """

    def __init__(self, *, share: Annotated[float, Field(gt=0, lt=1)] = 0.25) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Return data (B, *data_shape) with some values 0."""
        return x * (torch.rand_like(x) >= self.share)
