"""Corruptions: random changes of the encoder's input in training, but not of the data to be reconstructed."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Corruption(nn.Module, ABC):
    """Changes data at random before they are encoded, which turns any model with an encoder into a denoising model.

    It is active in training only. The loss compares with the clean data, and metrics, reconstructions and codes use the
    clean data. Missing values remain 0 for the encoder.

    Extend it and register the class to add a corruption.

    Example:
        >>> import torch, zoo
        >>> @zoo.register("corruption", "sign_flips")
        ... class SignFlips(Corruption):
        ...     def __init__(self, *, share: float = 0.1) -> None:
        ...         super().__init__()
        ...         self.share = share
        ...     def forward(self, x):
        ...         return torch.where(torch.rand_like(x) < self.share, -x, x)
        >>> model = zoo.build("ae-mlp-2d", data_shape=(6,), corruption="sign_flips")
        >>> model.loss(torch.rand(4, 6)).total.ndim
        0
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return corrupted data (B, *data_shape); those that come in are not changed."""
