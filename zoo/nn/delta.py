"""A point mass."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints


class Delta(Distribution):
    """A point mass whose last ``event_dims`` dimensions are one event. It has draws and moments, but no density."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"point": constraints.real}
    has_rsample = True

    def __init__(self, point: Tensor, event_dims: int = 1) -> None:
        self.point = point
        batch_dims = point.ndim - event_dims
        super().__init__(point.shape[:batch_dims], point.shape[batch_dims:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Any real values, as one event."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """The point, (*batch, *event)."""
        return self.point

    @property
    def mode(self) -> Tensor:
        """The point, (*batch, *event)."""
        return self.point

    @property
    def variance(self) -> Tensor:
        """Zero, (*batch, *event)."""
        return torch.zeros_like(self.point)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> Delta:
        """Return the same points with a larger batch shape."""
        return Delta(self.point.expand(*batch_shape, *self.event_shape), len(self.event_shape))

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return the point, once for each sample asked for."""
        return self.point.expand(self._extended_shape(sample_shape))
