"""A flow posterior that bends space along several directions at once."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.nn.flows.distributions import FlowDistribution
from zoo.nn.flows.reflections import Reflections
from zoo.nn.flows.roots import solve_bent_line, tanh_slope
from zoo.posteriors import Posterior
from zoo.posteriors._flow import SLOPE_FLOOR, FlowHead
from zoo.registry import register


class SylvesterMap:
    r"""The map f(z) = z + Q R tanh(R̃ Qᵀ z + b), with orthonormal Q and upper triangular R and R̃.

    It is invertible because r_ii r̃_ii > −1, and log \|det ∂f/∂z\| = Σ_i log(1 + tanh′_i r_ii r̃_ii). The inverse
    solves for M scalar roots, from the last row of the triangular matrices to the first.

    Args:
        axes: the columns of Q as rows, (*batch, M, d).
        outer: R, (*batch, M, M).
        inner: R̃, (*batch, M, M).
        shift: b, (*batch, M).

    Source:
        Van den Berg et al. (2018), Sylvester Normalizing Flows for Variational Inference, equations 13 to 17.
        https://arxiv.org/abs/1803.05649
    """

    def __init__(self, axes: Tensor, outer: Tensor, inner: Tensor, shift: Tensor) -> None:
        self.axes, self.outer, self.inner, self.shift = axes, outer, inner, shift
        self.slope = outer.diagonal(dim1=-2, dim2=-1) * inner.diagonal(dim1=-2, dim2=-1)

    def __call__(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f(z) and log |det ∂f/∂z|."""
        bend = _matvec(self.inner, _matvec(self.axes, z)) + self.shift
        return z + self._outwards(torch.tanh(bend)), self._log_det(bend)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f⁻¹(y) and its log |det|."""
        along = _matvec(self.axes, y)
        places: list[Tensor] = []
        bends: list[Tensor] = []
        for row in reversed(range(self.slope.shape[-1])):
            outer, inner = (matrix[..., row, row + 1 :] for matrix in (self.outer, self.inner))
            # The contribution of the rows below, which are already known.
            shift, target = self.shift[..., row], along[..., row]
            if places:
                shift = shift + (inner * torch.stack(places, -1)).sum(-1)
                target = target - (outer * torch.stack(bends, -1).tanh()).sum(-1)
            scale = self.inner[..., row, row]
            bend = solve_bent_line(scale * target, self.slope[..., row], shift) + shift
            places.insert(0, target - self.outer[..., row, row] * torch.tanh(bend))
            bends.insert(0, bend)
        bend = torch.stack(bends, -1)
        return y - self._outwards(torch.tanh(bend)), -self._log_det(bend)

    def _outwards(self, values: Tensor) -> Tensor:
        return _matvec(self.axes.mT, _matvec(self.outer, values))

    def _log_det(self, bend: Tensor) -> Tensor:
        return torch.log1p(self.slope * tanh_slope(bend)).sum(-1)


@register("posterior", "sylvester")
class Sylvester(Posterior):
    r"""Sylvester-flow posterior: a diagonal Gaussian sent through maps z + Q R tanh(R̃ Qᵀ z + b) for each x.

    Choose it over ``planar``, its special case of one direction, to bend space along many directions with few maps. Q
    is a product of Householder reflections. The head has rank (d + rank + 2) outputs for each map.

    Args:
        steps: number of maps, one after the other.
        rank: M, number of directions of each map; at most the latent dimension is used.
        floor: the smallest σ of the Gaussian.

    Source:
        Van den Berg et al. (2018), Sylvester Normalizing Flows for Variational Inference, section 3.2.
        https://arxiv.org/abs/1803.05649

    Example:
        >>> q = Sylvester(features=8, latent_dim=3, steps=2)(torch.zeros(5, 8))
        >>> z, log_q = q.rsample_and_log_prob()
        >>> z.shape, log_q.shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        steps: PositiveInt = 4,
        rank: PositiveInt = 8,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        self.latent_dim, self.rank = latent_dim, min(rank, latent_dim)
        triangle = self.rank * (self.rank + 1) // 2
        sizes = (self.rank * latent_dim, triangle, triangle, self.rank)
        self.head = FlowHead(features, latent_dim, sizes, steps, floor)
        rows, columns = torch.triu_indices(self.rank, self.rank)
        self.register_buffer("_entries", rows * self.rank + columns, persistent=False)

    _entries: Tensor

    def forward(self, h: Tensor) -> FlowDistribution:
        """Map features (B, F) to flows with batch shape (B,) and event shape (latent_dim,)."""
        base, parameters = self.head.begin(h)
        maps = []
        for vectors, outer, inner, shift in parameters:
            axes = Reflections(vectors.unflatten(-1, (self.rank, self.latent_dim))).columns(self.rank)
            maps.append(SylvesterMap(axes, self._triangle(outer), self._triangle(inner), shift))
        return FlowDistribution(base, maps)

    def _triangle(self, entries: Tensor) -> Tensor:
        """Put entries into upper triangular matrices (B, M, M), whose diagonals have a product above −1."""
        square = entries.new_zeros(len(entries), self.rank**2).index_copy(-1, self._entries, entries)
        square = square.unflatten(-1, (self.rank, self.rank))
        diagonal = math.sqrt(1 - SLOPE_FLOOR) * torch.tanh(square.diagonal(dim1=-2, dim2=-1))
        return torch.diagonal_scatter(square / math.sqrt(self.rank), diagonal, dim1=-2, dim2=-1)


def _matvec(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return the products (…, *batch, M) of matrices (*batch, M, d) with vectors (…, *batch, d)."""
    if matrix.ndim == 3 and vector.ndim == 3 and vector.shape[1] == len(matrix):
        # Several draws for each example: a product of matrices, because broadcasting would repeat the matrix.
        return torch.bmm(vector.transpose(0, 1), matrix.mT).transpose(0, 1)
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)
