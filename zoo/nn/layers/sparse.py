"""Matrix products in which only a few of many latents take part."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Places(NamedTuple):
    """N entries of a matrix (B, M), row by row.

    Attributes:
        flat: (N,) int64, positions in the flattened matrix, in ascending order of their rows.
        columns: (N,) the column of each.
        starts: (B,) where the entries of each row begin.
        shape: (B, M).
    """

    flat: Tensor
    columns: Tensor
    starts: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, flat: Tensor, shape: tuple[int, int]) -> Places:
        """Return the entries at ascending positions ``flat`` (N,) of a flattened matrix (B, M).

        Example:
            >>> Places.of(torch.tensor([1, 3, 5]), (3, 3)).columns.tolist()
            [1, 0, 2]
        """
        rows, columns = shape
        first = torch.arange(rows, device=flat.device) * columns
        return cls(flat, flat % columns, torch.searchsorted(flat, first), shape)

    def gather(self, matrix: Tensor) -> Tensor:
        """Return the entries (N,) of a matrix (B, M)."""
        return matrix.reshape(-1).index_select(0, self.flat)

    def scatter(self, values: Tensor) -> Tensor:
        """Return the matrix (B, M) with these entries (N,), and 0 elsewhere."""
        rows, columns = self.shape
        return values.new_zeros(rows * columns).scatter(0, self.flat, values).view(rows, columns)


def linear_at(h: Tensor, weight: Tensor, bias: Tensor, values: Tensor, places: Places) -> Tensor:
    """Return the entries (N,) of h Wᵀ + b at ``places``, with a gradient that is computed from these alone.

    Choosing the entries needs the whole product, but its gradient is zero at all other entries: for k of M latents, the
    backward pass needs only k/M of the multiplications.

    Args:
        h: (B, F) features.
        weight: (M, F) W.
        bias: (M,) b.
        values: (N,) the entries, computed without a gradient.

    Example:
        >>> h, weight, bias = torch.randn(2, 3), torch.randn(5, 3, requires_grad=True), torch.zeros(5)
        >>> places = Places.of(torch.tensor([1, 7]), (2, 5))
        >>> with torch.no_grad():
        ...     values = places.gather(h @ weight.T + bias)
        >>> linear_at(h, weight, bias, values, places).sum().backward()
        >>> weight.grad.abs().sum(1) > 0
        tensor([False,  True,  True, False, False])
    """
    found: Tensor = _LinearAt.apply(values, h, weight, bias, places.columns, places.starts)  # type: ignore[no-untyped-call]
    return found


def combine(values: Tensor, places: Places, atoms: Tensor, *, unit_norm: bool) -> Tensor:
    """Return Σ_j z_j d_j for each row, (B, F), of codes z whose entries at ``places`` are ``values`` (N,).

    Args:
        atoms: (M, F), the vectors d_j as rows.
        unit_norm: d_j is the row divided by its norm.

    Example:
        >>> places = Places.of(torch.tensor([1, 3]), (2, 3))
        >>> combine(torch.tensor([2.0, 3.0]), places, 5 * torch.eye(3), unit_norm=True)
        tensor([[0., 2., 0.],
                [3., 0., 0.]])
    """
    if not unit_norm:
        return _bag(values, places.columns, places.starts, atoms)
    combined: Tensor = _CombineUnit.apply(values, atoms, places.columns, places.starts)  # type: ignore[no-untyped-call]
    return combined


def inverse_norms(atoms: Tensor) -> Tensor:
    """Return 1/‖d_j‖ of the rows of atoms (M, F), (M,)."""
    return torch.linalg.vector_norm(atoms, dim=1).clamp_min(1e-12).reciprocal()


class _LinearAt(torch.autograd.Function):
    """The entries of a product with a weight, whose gradients are sums over these entries."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, h: Tensor, weight: Tensor, bias: Tensor, columns: Tensor, starts: Tensor
    ) -> Tensor:
        ctx.save_for_backward(h, weight, bias, columns, starts)
        return values.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        h, weight, bias, columns, starts = ctx.saved_tensors
        # Σ_i g_i W_{j_i} is the gradient of h; the gradient of that sum along h, in turn, is the gradient of W.
        with torch.enable_grad():
            leaf = weight.detach().requires_grad_(ctx.needs_input_grad[2])
            of_h = _bag(gradient.to(weight.dtype), columns, starts, leaf)
        of_weight = _gradient(of_h, leaf, h.to(weight.dtype)) if ctx.needs_input_grad[2] else None
        return None, of_h.detach().to(h.dtype), of_weight, _sum_by_column(gradient, columns, bias), None, None


class _CombineUnit(torch.autograd.Function):
    """Sums of unit vectors. The gradient of each vector is orthogonal to it, since its length does not matter."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, atoms: Tensor, columns: Tensor, starts: Tensor) -> Tensor:
        inverse = inverse_norms(atoms)
        ctx.save_for_backward(values, atoms, inverse, columns, starts)
        return _bag(values * inverse[columns], columns, starts, atoms)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, atoms, inverse, columns, starts = ctx.saved_tensors
        with torch.enable_grad():
            leaf, weights = atoms.detach().requires_grad_(), (values * inverse[columns]).requires_grad_()
            combined = _bag(weights, columns, starts, leaf)
        of_atoms, of_weights = torch.autograd.grad(combined, (leaf, weights), gradient)
        # The gradient of v / ‖v‖ is (g − v̂ (v̂·g)) / ‖v‖, and Σ g·v over the uses of an atom follows from the weights.
        along = _sum_by_column(values * of_weights, columns, inverse)
        of_atoms.addcmul_(atoms, (along * inverse.pow(3))[:, None], value=-1)
        return of_weights * inverse[columns], of_atoms, None, None


def _bag(values: Tensor, columns: Tensor, starts: Tensor, rows: Tensor) -> Tensor:
    return F.embedding_bag(columns, rows, starts, mode="sum", per_sample_weights=values)


def _gradient(output: Tensor, of: Tensor, along: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(output, of, along)
    return gradient


def _sum_by_column(values: Tensor, columns: Tensor, like: Tensor) -> Tensor:
    """Return the sum of the values (N,) of each column, (M,); on an accelerator in a deterministic order."""
    if values.device.type == "cpu":
        return torch.zeros_like(like).index_add_(0, columns, values.to(like.dtype))
    with torch.enable_grad():
        table = torch.zeros_like(like).unsqueeze(1).requires_grad_()
        looked_up = F.embedding(columns, table)
    return _gradient(looked_up, table, values.to(like.dtype).unsqueeze(1)).squeeze(1)
