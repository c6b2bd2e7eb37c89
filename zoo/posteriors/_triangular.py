"""Lower triangular factors of covariances, built from the numbers below their diagonals."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def unpack_triangles(entries: Tensor, below: Tensor, latent_dim: int) -> Tensor:
    """Put entries (N, d (d − 1) / 2), divided by √d, below the diagonals of zero matrices (N, d, d).

    Args:
        below: positions of the entries in a flattened matrix.
    """
    square = entries.new_zeros(entries.shape[0], latent_dim**2)
    square = square.index_copy(-1, below, entries / math.sqrt(latent_dim))
    return square.unflatten(-1, (latent_dim, latent_dim))


def triangular_factor(scale: Tensor, below: Tensor) -> Tensor:
    """Return L = diag(s) (I + S), (B, d, d), of s (B, d) and the strictly lower triangular S (B, d, d)."""
    return scale.unsqueeze(-1) * below.tril(-1) + torch.diag_embed(scale)
