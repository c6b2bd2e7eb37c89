"""How a denoiser shifts points of the plane, compared with the best possible denoiser."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.analysis.denoising import denoising_of
from zoo.diffusion.oracle import MixtureOracle
from zoo.model import Model

_FAR = 7.0
"""Nats below the highest density; fewer than one state in a thousand has a lower density."""


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
    def relative_difference(self) -> float:
        """The difference of the two fields relative to the exact one, both as root mean squares over p(x_t)."""
        wrong, right = (
            (shift.square().sum(1) * self.density).sum() for shift in (self.learned - self.exact, self.exact)
        )
        return (wrong / right).sqrt().item()


@torch.no_grad()
def denoising_field(model: Model, oracle: MixtureOracle, step: int, size: int = 25) -> Field:
    """Return the learned and the exact shift on the part of a square grid that contains nearly all states x_t."""
    objective = denoising_of(model)
    marginal = oracle.marginal(step)
    reach = (marginal.mean.abs() + 2.5 * marginal.stddev).max().item()
    line = torch.linspace(-reach, reach, size, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    log_density = marginal.log_prob(points)
    likely = log_density > log_density.max() - _FAR
    points, density = points[likely], log_density[likely].exp()
    states = points.float().to(model.device)
    times = torch.full((len(states),), step, device=model.device)
    learned = objective.previous(model, states, times).cpu().double() - points
    exact = oracle.posterior(points, step).mean - points
    return Field(step, points, density, learned, exact, 2 * reach / max(1, size - 1))
