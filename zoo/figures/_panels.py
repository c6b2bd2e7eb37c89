"""Models side by side: a column each, with reconstructions and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor

from zoo.figures import MatplotlibFigure
from zoo.figures._style import new_picture, show_image, tile


class ModelPanels(NamedTuple):
    """What is shown of one model.

    Attributes:
        name: the title.
        pairs: (2 N, C, H, W) in [0, 1], N inputs and then their reconstructions; None without.
        error: the mean squared error, for the caption.
        samples: by sampler, (M, C, H, W) in [0, 1] and a caption.
    """

    name: str
    pairs: Tensor | None
    error: float | None
    samples: Mapping[str, tuple[Tensor, str]]


def plot_panels(models: Sequence[ModelPanels]) -> MatplotlibFigure:
    """Plot a column a model: reconstructions under their inputs, then a grid for each sampler."""
    rows = {}
    if any(model.pairs is not None for model in models):
        rows["reconstructions"] = [_reconstructions(model) for model in models]
    for name in dict.fromkeys(name for model in models for name in model.samples):
        rows[f"samples\n{name}"] = [model.samples.get(name) for model in models]
    heights = [1 if name == "reconstructions" else 2 for name in rows]
    picture = new_picture(3.3 * len(models) + 0.3, 0.2 + sum(heights))
    grid = picture.subplots(len(rows), len(models), squeeze=False, height_ratios=heights)
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
    return picture


def _reconstructions(model: ModelPanels) -> tuple[Tensor, str] | None:
    if model.pairs is None:
        return None
    return model.pairs, "" if model.error is None else f"mean squared error {model.error:.3g}"


def _leave_empty(axes: Axes, size: Sequence[int]) -> None:
    """Show nothing in the size of an image (H, W), so that titles and names of rows stand where they do beside one."""
    axes.imshow(torch.zeros(*size, 4).numpy())
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
