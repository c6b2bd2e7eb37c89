"""How a denoiser shifts the points of the plane, and how the best one would."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.analysis.denoising import denoising_of
from zoo.diffusion.oracle import MixtureOracle
from zoo.model import Model

_FAR = 7.0
"""Nats below the highest density: fewer than one state in a thousand lies farther out."""


class Field(NamedTuple):
    """How a denoiser shifts the plane at one step.

    Attributes:
        step: t.
        points: (N, 2) states x_t of a square grid, those with a notable density.
        density: (N,) p(x_t).
        learned: (N, 2) the shift s(x_t, t) − x_t.
        exact: (N, 2) the shift E[x_{t−1}|x_t] − x_t.
        cell: the distance between neighbours in the grid.
    """

    step: int
    points: Tensor
    density: Tensor
    learned: Tensor
    exact: Tensor
    cell: float

    @property
    def apart(self) -> float:
        """The distance of the two fields as a share of the exact one, both root mean squares over p(x_t)."""
        wrong, right = (
            (shift.square().sum(1) * self.density).sum() for shift in (self.learned - self.exact, self.exact)
        )
        return (wrong / right).sqrt().item()


@torch.no_grad()
def denoising_field(model: Model, oracle: MixtureOracle, step: int, size: int = 25) -> Field:
    """Return the learned and the exact shift on the part of a square grid that contains nearly all states x_t."""
    objective = denoising_of(model)
    law = oracle.marginal(step)
    reach = (law.mean.abs() + 2.5 * law.stddev).max().item()
    line = torch.linspace(-reach, reach, size, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    log_density = law.log_prob(points)
    found = log_density > log_density.max() - _FAR
    points, density = points[found], log_density[found].exp()
    states = points.float().to(model.device)
    times = torch.full((len(states),), step, device=model.device)
    learned = objective.previous(model, states, times).cpu().double() - points
    exact = oracle.posterior(points, step).mean - points
    return Field(step, points, density, learned, exact, 2 * reach / max(1, size - 1))
