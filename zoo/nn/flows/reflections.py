"""Householder reflections: orthogonal matrices as products of them."""

from __future__ import annotations

import torch
from torch import Tensor


class Reflections:
    """The orthogonal matrix H = H_n … H_1 with H_k = I − 2 v_k v_kᵀ / ‖v_k‖².

    A product with it costs n products with a vector, and no matrix is formed. Any orthogonal matrix of d dimensions is
    the product of at most d reflections.

    Args:
        vectors: v, (*batch, n, d), of any length; a vector of length 0 gives the identity.

    Source:
        Householder (1958), Unitary Triangularization of a Nonsymmetric Matrix. https://doi.org/10.1145/320941.320947

    Example:
        >>> reflections, z = Reflections(torch.randn(2, 4)), torch.randn(5, 4)
        >>> torch.allclose(reflections.back(reflections(z)), z, atol=1e-6)
        True
    """

    def __init__(self, vectors: Tensor) -> None:
        length = (vectors.square().sum(-1, keepdim=True) + 1e-24).sqrt()
        self.directions = (vectors / length).unbind(-2)

    def __call__(self, z: Tensor) -> Tensor:
        """Return H z, (…, *batch, d)."""
        for v in self.directions:
            z = z - 2 * (z * v).sum(-1, keepdim=True) * v
        return z

    def back(self, z: Tensor) -> Tensor:
        """Return Hᵀ z, (…, *batch, d)."""
        for v in reversed(self.directions):
            z = z - 2 * (z * v).sum(-1, keepdim=True) * v
        return z

    def columns(self, count: int) -> Tensor:
        """Return the first ``count`` columns of H, (*batch, count, d): orthonormal vectors, one in each row."""
        first = self.directions[0]
        rows = torch.eye(first.shape[-1], dtype=first.dtype, device=first.device)[:count]
        for v in self.directions:
            rows = rows - 2 * (rows * v.unsqueeze(-2)).sum(-1, keepdim=True) * v.unsqueeze(-2)
        return rows
