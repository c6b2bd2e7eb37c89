"""Encoders: data → features."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Maps data to features, which a posterior maps to a distribution.

    Extend it and register the class to add an encoder. Its constructor is keyword-only and asks by name for
    values that the model passes: ``data_shape`` and ``condition_dim``, the length of the condition vector or 0.
    Everything else is an option of the recipe, with a type and a default.

    Attributes:
        features: F, the number of features of one example.
        feature_shape: their shape, such as that of maps (C, h, w); ``(features,)`` if a class does not set it. The
            model flattens features for a posterior that does not ask for ``feature_shape``.

    Example:
        >>> import torch
        >>> class Pixels(Encoder):
        ...     def __init__(self, *, data_shape: tuple[int, ...]) -> None:
        ...         super().__init__()
        ...         self.features = torch.Size(data_shape).numel()
        ...     def forward(self, x, condition=None):
        ...         return x.flatten(1)
        >>> Pixels(data_shape=(1, 8, 8))(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 64])
    """

    features: int
    feature_shape: tuple[int, ...]

    def caution(self) -> str | None:
        """Return why another encoder suits data of ``data_shape`` better, for readers of a run; None if none does."""
        return None

    @abstractmethod
    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map data (B, *data_shape), with a condition (B, condition_dim) or none, to features (B, *feature_shape)."""
