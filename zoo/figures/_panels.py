"""Models side by side, a column each: reconstructions and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor

from zoo.figures import MatplotlibFigure
from zoo.figures._style import new_figure, show_image, tile


class ModelPanels(NamedTuple):
    """What is shown of one model.

    Attributes:
        name: the title.
        pairs: (2 N, C, H, W) in [0, 1], N inputs and then their reconstructions; None without.
        error: the caption below the reconstructions.
        samples: by the words for their source, (M, C, H, W) in [0, 1] and a caption.
    """

    name: str
    pairs: Tensor | None
    error: str
    samples: Mapping[str, tuple[Tensor, str]]


def plot_panels(models: Sequence[ModelPanels]) -> MatplotlibFigure:
    """Plot a column for each model: reconstructions below their inputs, then a grid of samples for each source."""
    rows = {}
    if any(model.pairs is not None for model in models):
        rows["reconstructions"] = [_reconstructions(model) for model in models]
    for name in dict.fromkeys(name for model in models for name in model.samples):
        rows[f"samples\n{name}"] = [model.samples.get(name) for model in models]
    heights = [1 if name == "reconstructions" else 2 for name in rows]
    figure = new_figure(3.3 * len(models) + 0.3, 0.2 + sum(heights))
    grid = figure.subplots(len(rows), len(models), squeeze=False, height_ratios=heights)
    for line, (name, contents) in zip(grid, rows.items(), strict=True):
        for axes, content in zip(line, contents, strict=True):
            if content is not None:
                show_image(axes, tile(content[0], columns=8))
                axes.set_xlabel(content[1], fontsize="small")
        size = next(axes.images[0].get_size() for axes in line if axes.images)
        for axes in line:
            if not axes.images:
                _leave_empty(axes, size)
        line[0].set_ylabel(name)
    for axes, model in zip(grid[0], models, strict=True):
        axes.set_title(model.name)
    return figure


def _reconstructions(model: ModelPanels) -> tuple[Tensor, str] | None:
    return None if model.pairs is None else (model.pairs, model.error)


def _leave_empty(axes: Axes, size: Sequence[int]) -> None:
    """Show nothing in the size of an image (H, W), so that titles and row labels line up with those beside it."""
    axes.imshow(torch.zeros(*size, 4).numpy())
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
