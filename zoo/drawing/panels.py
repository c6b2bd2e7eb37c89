"""Models side by side, a column each, with grids of images in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.drawing.style import Tiling, new_figure, show_image, tile


class Panel(NamedTuple):
    """Images to show in a grid.

    Attributes:
        images: (N, C, H, W) in [0, 1].
        columns: of the grid.
        caption: text below the grid.
        row_names: names of the first rows of images, repeated for those that follow; () for none.
    """

    images: Tensor
    columns: int
    caption: str = ""
    row_names: tuple[str, ...] = ()


def plot_panels(models: Sequence[str], rows: Mapping[str, Mapping[str, Panel]]) -> MatplotlibFigure:
    """Plot a column for each model.

    Args:
        models: their names, from left to right.
        rows: by the title of the row, a panel for each model; a model without one keeps an empty place.
    """
    heights = [max(map(_shape_of, panels.values())) for panels in rows.values()]
    figure = new_figure(3.6 * len(models) + 0.3, 0.3 + sum(3.3 * height + 0.25 for height in heights))
    grid = figure.subplots(len(rows), len(models), squeeze=False, height_ratios=heights)
    for line, (title, panels) in zip(grid, rows.items(), strict=True):
        for axes, model in zip(line, models, strict=True):
            if model in panels:
                _draw_panel(axes, panels[model])
        size = next(axes.images[0].get_size() for axes in line if axes.images)
        for axes in line:
            if not axes.images:
                _leave_empty(axes, size)
        line[0].set_ylabel(title)
    for axes, model in zip(grid[0], models, strict=True):
        axes.set_title(model, parse_math=False)
    return figure


def _shape_of(panel: Panel) -> float:
    """Return the height of a panel as a share of its width."""
    height, width = tile(panel.images, panel.columns).image.shape[:2]
    return height / width


def _draw_panel(axes: Axes, panel: Panel) -> None:
    tiling = tile(panel.images, panel.columns)
    show_image(axes, tiling.image)
    axes.set_xlabel(panel.caption, fontsize="small")
    if panel.row_names:
        _name_rows(axes, tiling, panel.row_names)


def _name_rows(axes: Axes, tiling: Tiling, names: Sequence[str]) -> None:
    """Name the rows of images, from the first name again after the last."""
    shown = [names[row % len(names)] for row in range(tiling.rows)]
    axes.set_yticks([tiling.row_centre(row) for row in range(tiling.rows)], shown, fontsize="x-small")
    axes.tick_params(axis="y", length=0, pad=1)


def _leave_empty(axes: Axes, size: Sequence[int]) -> None:
    """Show nothing in the size of an image (H, W), so that titles and row labels line up with the other panels."""
    axes.imshow(torch.zeros(*size, 4).numpy())
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
