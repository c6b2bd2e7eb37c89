"""Where a denoiser pulls the points of the plane, beside where the best one would."""

from __future__ import annotations

from typing import NamedTuple

import torch
from matplotlib.figure import Figure as Picture
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.denoising import denoising_of, mixture_oracle
from zoo.diffusion.oracle import MixtureOracle
from zoo.figures import Figure, Subject
from zoo.figures._style import COLOURS, new_picture
from zoo.metrics.denoising import knows_best
from zoo.model import Model
from zoo.objectives.denoising import Denoising
from zoo.registry import register

_FAR = 7.0
"""Nats below the highest density: farther out, hardly a state in a thousand is found."""


class Field(NamedTuple):
    """What a denoiser does to the plane at one step.

    Attributes:
        step: t.
        points: (N, 2) states x_t of a square grid, where states are found.
        density: (N,) p(x_t).
        learned: (N, 2) the shift s(x_t, t) − x_t.
        exact: (N, 2) the shift E[x_{t−1}|x_t] − x_t.
        cell: the distance of neighbours in the grid.
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


@register("figure", "denoising_field")
class DenoisingField(Figure):
    """The learned shift s(x_t, t) − x_t as arrows over the exact E[x_{t−1}|x_t] − x_t, where states are found.

    Arrows are lengthened alike within a panel. Each panel says by which share of the exact field the two differ,
    both as root mean squares over the law of x_t.

    Args:
        size: arrows in a row and in a column.
        panels: number of steps, evenly spread on a logarithmic scale.
    """

    def __init__(self, *, size: PositiveInt = 25, panels: PositiveInt = 4) -> None:
        self.size, self.panels = size, panels

    def unfit(self, subject: Subject) -> str | None:
        """It needs a plane, and a mixture whose best denoiser is known."""
        if not isinstance(subject.model.objective, Denoising):
            return "its objective is not `denoising`"
        if subject.model.data_shape != (2,):
            return "its data are not points in the plane"
        known = knows_best(subject.model, subject.split.info)
        return None if known else "the best denoiser of its data is not known"

    def draw(self, subject: Subject) -> Picture:
        """Return a panel for each step, the noisiest first."""
        model = subject.model
        total = denoising_of(model).chain.steps
        exponents = torch.linspace(1, 0, self.panels) if self.panels > 1 else torch.ones(1)
        steps = sorted({max(1, round(total**exponent)) for exponent in exponents.tolist()}, reverse=True)
        oracle = mixture_oracle(model, subject.split.info)
        return plot_fields([denoising_field(model, oracle, step, self.size) for step in steps])


@torch.no_grad()
def denoising_field(model: Model, oracle: MixtureOracle, step: int, size: int = 25) -> Field:
    """Return the learned and the exact shift on the part of a square grid that holds nearly all states x_t."""
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


def plot_fields(fields: list[Field]) -> Picture:
    """Plot the exact shifts as wide arrows and the learned ones as narrow arrows on them."""
    picture = new_picture(3.4 * len(fields), 4.0)
    for axes, field in zip(picture.subplots(1, len(fields), squeeze=False)[0], fields, strict=True):
        # The longest arrow spans a cell and a half of the grid.
        scale = (field.exact.norm(dim=1).max() / (1.5 * field.cell)).item()
        for name, shifts, width, colour in (
            ("exact", field.exact, 0.012, COLOURS[4]),
            ("learned", field.learned, 0.004, COLOURS[7]),
        ):
            axes.quiver(
                *field.points.T.numpy(),
                *shifts.T.numpy(),
                angles="xy",
                scale_units="xy",
                scale=scale,
                width=width,
                color=colour,
                label=name,
            )
        axes.set(title=f"$t = {field.step}$, apart by {field.apart:.1%}", xlabel="$x_1$", aspect="equal")
    picture.axes[0].set_ylabel("$x_2$")
    picture.legend(*picture.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return picture
