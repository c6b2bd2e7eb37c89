"""Squared norms of Jacobians, exact or estimated from random directions."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.utils.precision import at_least_float32


def squared_jacobian_norm(outputs: Tensor, inputs: Tensor, directions: int | None, *, differentiable: bool) -> Tensor:
    """Return ‖∂ outputs / ∂ inputs‖_F², summed over a batch of independent examples.

    With random signs v, E‖Jᵀ v‖² = ‖J‖_F²: one backward pass for each direction, for any size.

    Args:
        outputs: (B, …), computed from ``inputs``.
        inputs: (…, B, …), which require a gradient.
        directions: number of random directions to average over; None: every output in turn, which is exact.
        differentiable: whether the norm has a gradient itself.

    Source:
        Hutchinson (1990), A Stochastic Estimator of the Trace of the Influence Matrix.
        https://doi.org/10.1080/03610919008812866

    Example:
        >>> x = torch.ones(4, 3, requires_grad=True)
        >>> squared_jacobian_norm(x @ torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), x, None, differentiable=False)
        tensor(20.)
    """
    total = at_least_float32(inputs.detach()).new_zeros(())
    for seed in _seeds(outputs, directions):
        (gradient,) = torch.autograd.grad(outputs, inputs, seed, create_graph=differentiable, retain_graph=True)
        total = total + at_least_float32(gradient).square().sum()
    return total if directions is None else total / directions


def _seeds(outputs: Tensor, directions: int | None) -> list[Tensor]:
    if directions is not None:
        return [torch.randint_like(outputs, 2) * 2 - 1 for _ in range(directions)]
    units = torch.eye(outputs[0].numel(), dtype=outputs.dtype, device=outputs.device)
    return [unit.view(outputs.shape[1:]).expand_as(outputs) for unit in units]
