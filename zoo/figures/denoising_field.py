"""How a denoiser shifts the points of the plane, compared with the best one."""

from __future__ import annotations

import torch
from pydantic import PositiveInt

from zoo.analysis.denoising import check_has_exact_denoiser, denoising_of, mixture_oracle
from zoo.analysis.denoising_field import Field, denoising_field
from zoo.drawing.style import COLOURS, ink, new_figure
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "denoising_field")
class DenoisingField(Figure):
    """The learned shift s(x_t, t) − x_t as arrows over the exact shift E[x_{t−1}|x_t] − x_t, where there are states.

    Arrows of a panel have the same scale. Each panel states the difference of the two fields as a share of the exact
    one, both as root mean squares over the distribution of x_t.

    Args:
        size: number of arrows in a row and in a column.
        panels: number of steps, evenly spread on a logarithmic scale.
    """

    def __init__(self, *, size: PositiveInt = 25, panels: PositiveInt = 4) -> None:
        self.size, self.panels = size, panels

    def check(self, context: EvaluationContext) -> None:
        """Require a denoiser of points in the plane, from a mixture for which the best one is known."""
        denoising_of(context.model)
        context.require_shape((2,), "points in the plane")
        check_has_exact_denoiser(context.model, context.split.info)

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a panel for each step, the noisiest first."""
        model = context.model
        total = denoising_of(model).chain.steps
        exponents = torch.linspace(1, 0, self.panels) if self.panels > 1 else torch.ones(1)
        steps = sorted({max(1, round(total**exponent)) for exponent in exponents.tolist()}, reverse=True)
        oracle = mixture_oracle(model, context.split.info)
        return plot_fields([denoising_field(model, oracle, step, self.size) for step in steps])


def plot_fields(fields: list[Field]) -> MatplotlibFigure:
    """Plot the exact shifts as wide arrows and the learned ones as narrow arrows on them."""
    figure = new_figure(3.4 * len(fields), 4.0)
    for axes, field in zip(figure.subplots(1, len(fields), squeeze=False)[0], fields, strict=True):
        # The longest arrow spans a cell and a half of the grid.
        scale = (field.exact.norm(dim=1).max() / (1.5 * field.cell)).item()
        for name, shifts, width, colour in (
            ("exact", field.exact, 0.012, COLOURS[4]),
            ("learned", field.learned, 0.004, ink()),
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
        axes.set(
            title=f"$t = {field.step}$, difference {field.relative_difference:.1%}", xlabel="$x_1$", aspect="equal"
        )
    figure.axes[0].set_ylabel("$x_2$")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
