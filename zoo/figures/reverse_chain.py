"""How a denoiser turns noise into samples."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.denoising import denoising_of
from zoo.diffusion.reverse import visited_steps
from zoo.drawing.style import COLOURS, new_figure, show_image, tile, to_unit
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "reverse_chain")
class ReverseChain(Figure):
    """The reverse chain, from noise on the left to samples on the right: a row for each sample, or a cloud of points.

    Args:
        count: number of images.
        points: number of points, for data in the plane.
        panels: number of steps to show.
    """

    def __init__(self, *, count: PositiveInt = 8, points: PositiveInt = 2000, panels: PositiveInt = 9) -> None:
        self.count, self.points, self.panels = count, points, panels

    def check(self, context: EvaluationContext) -> None:
        """Require a denoiser, of images or of points in the plane."""
        denoising_of(context.model)
        if not context.shows_images:
            context.require_shape((2,), "images or points in the plane")

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the states of the chain from left to right."""
        model = context.model
        count = self.count if context.shows_images else self.points
        labels = torch.arange(count, device=model.device) % model.classes if model.classes else None
        states = model.sample(count, labels, trajectory=True, max_rows=count).cpu()
        visited = visited_steps(denoising_of(model).chain.steps)
        chosen = torch.linspace(0, len(states) - 1, min(self.panels, len(states))).round().long()
        steps = [visited[index] for index in chosen.tolist()]
        plot = plot_image_chain if context.shows_images else plot_point_chain
        return plot(states[chosen], steps, model.spec.data_range)


def plot_image_chain(states: Tensor, steps: list[int], data_range: tuple[float, float] | None) -> MatplotlibFigure:
    """Plot states (S, N, C, H, W) of a chain, a column for each step."""
    shown = len(states)
    # Noise exceeds the range of the data and is clipped to it, as on any display.
    images = to_unit(states.transpose(0, 1).flatten(0, 1), data_range)
    tiling = tile(images, columns=shown)
    height, width, _ = tiling.image.shape
    figure = new_figure(0.8 * shown + 0.4, 0.8 * shown * height / width + 0.5)
    axes = figure.subplots()
    show_image(axes, tiling.image)
    axes.set_xticks([tiling.column_centre(column) for column in range(shown)], [str(step) for step in steps])
    axes.set_xlabel("step $t$")
    return figure


def plot_point_chain(
    states: Tensor, steps: list[int], data_range: tuple[float, float] | None = None
) -> MatplotlibFigure:
    """Plot states (S, N, 2) of a chain as points, a panel for each step, on the same axes."""
    figure = new_figure(1.7 * len(steps), 2.4)
    panels = figure.subplots(1, len(steps), sharex=True, sharey=True, squeeze=False)[0]
    reach = states.abs().quantile(0.999).item() if states.numel() < 1e7 else states.abs().max().item()
    for axes, points, step in zip(panels, states, steps, strict=True):
        axes.plot(*points.T.numpy(), ".", markersize=1, alpha=0.5, color=COLOURS[0])
        axes.set(title=f"$t = {step}$", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set_xlabel("$x_1$")
    panels[0].set_ylabel("$x_2$")
    return figure
