"""Networks: data → data of the same shape, without latents in between."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """Maps data to data of the same shape, as a denoiser does, without a bottleneck that could lose details.

    Extend it and register the class to add a network. Its constructor is keyword-only and asks by name for
    values that the model passes: ``data_shape`` and ``condition_dim``, the length of the condition vector or 0.
    Everything else is an option of the recipe, with a type and a default.

    Example:
        >>> import torch
        >>> class Scale(Network):
        ...     def __init__(self, *, condition_dim: int) -> None:
        ...         super().__init__()
        ...         self.layer = nn.Linear(condition_dim, 1)
        ...     def forward(self, x, condition=None):
        ...         return x * self.layer(condition)
        >>> Scale(condition_dim=4)(torch.zeros(5, 2), torch.zeros(5, 4)).shape
        torch.Size([5, 2])
    """

    @abstractmethod
    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map data (B, *data_shape), with a condition (B, condition_dim) or none, to (B, *data_shape)."""
