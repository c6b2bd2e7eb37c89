"""A projection to two dimensions: the plane in which codes vary most."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.errors import DataError


class Projection(NamedTuple):
    """An affine map from codes (…, d) to the plane.

    Attributes:
        centre: (d,) the code at the origin of the plane.
        axes: (2, d) orthonormal rows.
        shares: (2,) the share of the variance along each axis; None where the plane is the latent space itself.
    """

    centre: Tensor
    axes: Tensor
    shares: Tensor | None

    def __call__(self, codes: Tensor) -> Tensor:
        """Map codes (…, d) to points (…, 2)."""
        return (codes - self.centre) @ self.axes.T

    def covariances(self, covariances: Tensor) -> Tensor:
        """Map covariances of codes (…, d, d) to those of their points (…, 2, 2)."""
        return self.axes @ covariances @ self.axes.T

    def inverse(self, points: Tensor) -> Tensor:
        """Map points (…, 2) to the codes (…, d) of the plane."""
        return points @ self.axes + self.centre


def principal_plane(codes: Tensor) -> Projection:
    """Return the projection of codes (N, d) on their first two principal axes; with d = 2, the identity.

    The largest entry of each axis is positive, so that the same codes give the same figure.

    Raises:
        DataError: there are fewer than two dimensions, or no codes.

    Source:
        Jolliffe (2002), Principal Component Analysis, chapter 1. https://doi.org/10.1007/b98835

    Example:
        >>> plane = principal_plane(torch.tensor([[0.0, 0, 0], [4, 0, 0], [2, 0, 1], [2, 0, -1]]))
        >>> plane.axes.round().tolist(), plane.shares
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], tensor([0.8000, 0.2000]))
    """
    if codes.ndim != 2 or codes.shape[1] < 2 or len(codes) == 0:
        raise DataError(f"expected codes (N, d) with d ≥ 2, got {tuple(codes.shape)}", where="codes")
    d = codes.shape[1]
    if d == 2:
        return Projection(torch.zeros(2), torch.eye(2), None)
    centre = codes.mean(0)
    covariance = (codes - centre).double().T @ (codes - centre).double()
    values, vectors = torch.linalg.eigh(covariance)
    axes = vectors.flip(1).T[:2]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    shares = values.flip(0)[:2] / values.sum().clamp_min(1e-300)
    return Projection(centre, (axes * largest.sign()).to(codes.dtype) + 0.0, shares.to(codes.dtype))
