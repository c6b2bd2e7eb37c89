"""The values that data may have."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

_TOLERANCE = 1e-4
"""Tolerance: float32 arithmetic may deviate slightly from a bound or a level."""


class Support(NamedTuple):
    """Values that data may have: the real numbers from ``low`` to ``high`` or, with a ``step``, evenly spaced numbers.

    Example:
        >>> Support(0, 1).contains(torch.tensor([0.0, 0.5, 2.0]))
        tensor([ True,  True, False])
        >>> print(Support()), print(Support(0, 1)), print(Support(low=0, step=1)), print(Support(0, 1, 1 / 255))
        any finite number
        numbers in [0, 1]
        whole numbers from 0
        multiples of 1/255 in [0, 1]
        (None, None, None, None)
    """

    low: float = -math.inf
    high: float = math.inf
    step: float | None = None

    def contains(self, x: Tensor) -> Tensor:
        """Return a mask of the values of a tensor that are in the support, up to rounding."""
        inside = x.isfinite() & (x >= self.low - _TOLERANCE) & (x <= self.high + _TOLERANCE)
        if self.step is None:
            return inside
        place = (x - (self.low if math.isfinite(self.low) else 0.0)) / self.step
        return inside & ((place - place.round()).abs() <= torch.clamp(place.abs() * 1e-6, min=1e-3))

    def __str__(self) -> str:
        if self.step is None:
            return "any finite number" if self == Support() else f"numbers in {ends_at(self.low, self.high)}"
        if self.step == 1:
            return f"whole numbers from {self.low:g}" + (f" to {self.high:g}" if math.isfinite(self.high) else "")
        return f"multiples of 1/{1 / self.step:g} in {ends_at(self.low, self.high)}"


def ends_at(low: float, high: float) -> str:
    """Write an interval: a closed bracket at a finite end, an open one at an infinite end.

    Example:
        >>> ends_at(0, 1), ends_at(0, math.inf)
        ('[0, 1]', '[0, ∞)')
    """
    left = f"[{low:g}" if math.isfinite(low) else "(−∞"
    right = f"{high:g}]" if math.isfinite(high) else "∞)"
    return f"{left}, {right}"
