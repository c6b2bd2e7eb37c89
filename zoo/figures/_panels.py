"""Models side by side, a column each: reconstructions and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor

from zoo.figures import MatplotlibFigure
from zoo.figures._style import Tiling, new_figure, show_image, tile


class Panel(NamedTuple):
    """Images to show in a grid.

    Attributes:
        images: (N, C, H, W) in [0, 1].
        columns: of the grid.
        caption: stands below it.
    """

    images: Tensor
    columns: int
    caption: str = ""


class ModelPanels(NamedTuple):
    """What is shown of one model.

    Attributes:
        name: the title.
        reconstructions: pairs of rows, inputs above and reconstructions below; None without.
        samples: by the words for their source.
    """

    name: str
    reconstructions: Panel | None
    samples: Mapping[str, Panel]


def plot_panels(models: Sequence[ModelPanels]) -> MatplotlibFigure:
    """Plot a column for each model: reconstructions below their inputs, then a grid of samples for each source."""
    rows: dict[str, list[Panel | None]] = {}
    if any(model.reconstructions is not None for model in models):
        rows["reconstructions"] = [model.reconstructions for model in models]
    for name in dict.fromkeys(name for model in models for name in model.samples):
        rows[f"samples\n{name}"] = [model.samples.get(name) for model in models]
    heights = [max(_shape_of(panel) for panel in panels if panel is not None) for panels in rows.values()]
    figure = new_figure(3.6 * len(models) + 0.3, 0.3 + sum(3.3 * height + 0.25 for height in heights))
    grid = figure.subplots(len(rows), len(models), squeeze=False, height_ratios=heights)
    for line, (name, panels) in zip(grid, rows.items(), strict=True):
        for axes, panel in zip(line, panels, strict=True):
            if panel is not None:
                tiling = tile(panel.images, panel.columns)
                show_image(axes, tiling.image)
                axes.set_xlabel(panel.caption, fontsize="small")
                if name == "reconstructions":
                    _label_pairs(axes, tiling)
        size = next(axes.images[0].get_size() for axes in line if axes.images)
        for axes in line:
            if not axes.images:
                _leave_empty(axes, size)
        line[0].set_ylabel(name)
    for axes, model in zip(grid[0], models, strict=True):
        axes.set_title(model.name)
    return figure


def _shape_of(panel: Panel) -> float:
    """Return the height of a panel as a share of its width."""
    height, width = tile(panel.images, panel.columns).image.shape[:2]
    return height / width


def _label_pairs(axes: Axes, tiling: Tiling) -> None:
    """Name the rows of inputs and of reconstructions."""
    names = [name for _ in range(tiling.rows // 2) for name in ("in", "out")]
    axes.set_yticks([tiling.row_centre(row) for row in range(tiling.rows)], names, fontsize="x-small")
    axes.tick_params(axis="y", length=0, pad=1)


def _leave_empty(axes: Axes, size: Sequence[int]) -> None:
    """Show nothing in the size of an image (H, W), so that titles and row labels line up with those beside it."""
    axes.imshow(torch.zeros(*size, 4).numpy())
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
