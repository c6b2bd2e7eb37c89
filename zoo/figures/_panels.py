"""Models side by side: a column each, with reconstructions and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from zoo.figures import Picture
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


def plot_panels(models: Sequence[ModelPanels]) -> Picture:
    """Plot a column a model: reconstructions under their inputs, then a grid for each sampler."""
    samplers = list(dict.fromkeys(name for model in models for name in model.samples))
    rows = ["reconstructions", *(f"samples: {name}" for name in samplers)]
    picture = new_picture(3.3 * len(models) + 0.3, 1.2 + 1.95 * len(samplers))
    grid = picture.subplots(len(rows), len(models), squeeze=False, height_ratios=[1] + [2] * len(samplers))
    for column, model in enumerate(models):
        shown: list[tuple[Tensor, str] | None] = [None] * len(rows)
        if model.pairs is not None:
            shown[0] = (model.pairs, "" if model.error is None else f"mean squared error {model.error:.3g}")
        for row, name in enumerate(samplers, start=1):
            shown[row] = model.samples.get(name)
        for row, content in enumerate(shown):
            axes = grid[row, column]
            if content is None:
                axes.set_axis_off()
                continue
            show_image(axes, tile(content[0], columns=8))
            axes.set_xlabel(content[1], fontsize="small")
            if column == 0:
                axes.set_ylabel(rows[row].replace(": ", "\n"))
        grid[0, column].set_title(model.name)
    return picture
