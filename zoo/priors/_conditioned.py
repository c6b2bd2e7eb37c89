"""The base class of distributions of priors that are networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints


class ConditionedDistribution(Distribution):
    """A distribution over real latents: p(z), or p(z|y) with a condition.

    Args:
        latent_shape: the event shape.
        condition: (B, condition_dim), or None.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, latent_shape: tuple[int, ...], condition: Tensor | None) -> None:
        self.condition = condition
        batch = () if condition is None else condition.shape[:1]
        super().__init__(torch.Size(batch), torch.Size(latent_shape), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Any real values, as one event."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def condition_of_rows(self, lead: Sequence[int]) -> Tensor | None:
        """Return the condition of each row of flattened latents with leading dimensions (*S, B), or None."""
        return None if self.condition is None else self.condition.expand(*lead, -1).flatten(0, -2)
