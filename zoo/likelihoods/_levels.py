"""Evenly spaced values, and their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zoo.likelihoods import Support

Coding = Literal["unit", "whole"]
"""Values of levels in the data. ``unit``: 0, 1/(n−1), …, 1, as images scaled to [0, 1]. ``whole``: 0, 1, …, n−1."""


@dataclass(frozen=True)
class Levels:
    """n evenly spaced values and their numbers from 0.

    Example:
        >>> import torch
        >>> levels = Levels(256, "unit")
        >>> levels.number(torch.tensor(0.2)), levels.value(torch.tensor(51.0))
        (tensor(51.), tensor(0.2000))
    """

    count: int
    coding: Coding

    @property
    def support(self) -> Support:
        """The values that data with these levels may take."""
        last = self.count - 1
        return Support(0.0, 1.0, 1 / last) if self.coding == "unit" else Support(0.0, float(last), 1.0)

    def number(self, x: Tensor) -> Tensor:
        """Return the numbers of the levels of data, as floating-point numbers."""
        return (x * (self.count - 1) if self.coding == "unit" else x).round()

    def value(self, number: Tensor) -> Tensor:
        """Return the values in the data of levels with these numbers."""
        return number / (self.count - 1) if self.coding == "unit" else number
