"""Additive noise."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from zoo.corruptions import Corruption
from zoo.registry import register


@register("corruption", "gaussian")
class Gaussian(Corruption):
    """Add independent Gaussian noise to each value, x + σ ε with ε ~ N(0, 1).

    Choose it for continuous data. With the objective ``autoencoder`` the reconstruction estimates E[x | x + σ ε]; with
    linear maps it is principal component analysis whose components are shrunken by λ / (λ + σ²), λ their variance.

    Args:
        scale: σ, in units of the data.

    Source:
        Vincent et al. (2010), Stacked Denoising Autoencoders, section 3. https://jmlr.org/papers/v11/vincent10a.html
        Im et al. (2017), Denoising Criterion for Variational Auto-Encoding Framework (with objective ``vae``).
        https://arxiv.org/abs/1511.06406

    Example:
        >>> Gaussian(scale=0.5)(torch.zeros(10_000, 1)).std().round(decimals=1)
        tensor(0.5000)
    """

    def __init__(self, *, scale: Annotated[float, Field(gt=0)] = 0.3) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return noisy data (B, *data_shape)."""
        return x + self.scale * torch.randn_like(x)
