"""Reconstructions below their inputs."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor

from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.figures._style import in_pairs_of_rows, new_figure, rows_of_classes, show_image, tile, to_unit
from zoo.registry import register


@register("figure", "reconstructions")
class Reconstructions(Figure):
    """Reconstructions below their inputs; a column for each class where there are labels.

    Args:
        count: number of columns at most.
        rows: number of pairs of rows, the number of examples of each class.
    """

    def __init__(self, *, count: PositiveInt = 10, rows: PositiveInt = 2) -> None:
        self.count, self.rows = count, rows

    def check(self, context: EvaluationContext) -> None:
        """Require images, and a model that reconstructs them."""
        context.require_images()
        context.require_reconstruction()

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return pairs of rows."""
        model, split = context.model, context.split
        chosen, columns = rows_of_classes(split.labels, len(split), self.count, self.rows)
        batch = context.take(chosen)
        outputs = model.reconstruct(batch.x, batch.labels)
        return plot_reconstructions(batch.x, outputs, model.spec.data_range, columns)


def plot_reconstructions(
    inputs: Tensor, outputs: Tensor, data_range: tuple[float, float] | None, columns: int
) -> MatplotlibFigure:
    """Plot images (N, C, H, W), row by row, with their reconstructions below each row."""
    tiling = tile(to_unit(in_pairs_of_rows(inputs, outputs, columns), data_range), columns)
    height, width, _ = tiling.image.shape
    figure = new_figure(0.7 * columns + 1, 0.7 * columns * height / width + 0.3)
    axes = figure.subplots()
    show_image(axes, tiling.image)
    names = [name for _ in range(tiling.rows // 2) for name in ("input", "output")]
    axes.set_yticks([tiling.row_centre(row) for row in range(tiling.rows)], names)
    axes.tick_params(axis="y", length=0)
    return figure
