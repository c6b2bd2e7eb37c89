"""Decoders: latents → raw parameters of the likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Decoder(nn.Module, ABC):
    """Maps latents to raw, unconstrained parameters, which a likelihood turns into a distribution over data.

    Extend it and register the class to add a decoder. The arguments of its constructor are keyword-only. Those
    that the model passes are ``output_shape``, ``condition_dim``, the length of the condition vector or 0, and either
    ``latent_dim`` or ``latent_shape``. A decoder that asks for ``latent_dim`` sees latents as vectors (B, latent_dim);
    one that asks for ``latent_shape`` sees them in their own shape, such as maps (B, D, h, w). All other arguments are
    options of the recipe, with a type and a default.

    Example:
        >>> import math, torch
        >>> class Affine(Decoder):
        ...     def __init__(self, *, latent_dim: int, output_shape: tuple[int, ...]) -> None:
        ...         super().__init__()
        ...         self.layer = nn.Linear(latent_dim, math.prod(output_shape))
        ...         self.shape = output_shape
        ...     def forward(self, z, condition=None):
        ...         return self.layer(z).unflatten(1, self.shape)
        >>> Affine(latent_dim=2, output_shape=(1, 8, 8))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 8, 8])
    """

    @abstractmethod
    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents, with a condition (B, condition_dim) or none, to raw parameters (B, *output_shape)."""

    def column_norms(self) -> Tensor | None:
        """Return how long a step of the output each latent makes, (latent_dim,), of a linear decoder; else None."""
        return None
