"""Roots of increasing functions of one number, with their gradients."""

from __future__ import annotations

import torch
from torch import Tensor

_BISECTIONS = 50


def solve_bent_line(target: Tensor, slope: Tensor, shift: Tensor) -> Tensor:
    """Return the root a of a + slope · tanh(a + shift) = target, where slope > −1, with its gradient.

    The root is found by bisection in float64, which always converges: it lies within \\|slope\\| of the target. The
    gradient is that of the implicit function. Shapes broadcast.

    Example:
        >>> a = solve_bent_line(torch.tensor(2.0), torch.tensor(-0.9), torch.tensor(0.5))
        >>> torch.allclose(a - 0.9 * torch.tanh(a + 0.5), torch.tensor(2.0))
        True
    """
    with torch.no_grad():
        goal, s, b = (values.double() for values in torch.broadcast_tensors(target, slope, shift))
        low, high = goal - s.abs(), goal + s.abs()
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            below = middle + s * torch.tanh(middle + b) < goal
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        root = ((low + high) / 2).to(target.dtype)
    # A Newton step from the root does not change the value, but has the gradient of the implicit function.
    value = torch.tanh(root + shift)
    derivative = (1 + slope * (1 - value.square())).detach()
    return root - (root + slope * value - target) / derivative


def tanh_slope(values: Tensor) -> Tensor:
    """Return the derivative of tanh, 1 / cosh², which is accurate even if tanh is near ±1."""
    return torch.cosh(values.clamp(-40, 40)).pow(-2)
