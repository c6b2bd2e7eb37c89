"""Samples of a model."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure as MatplotlibFigure
from pydantic import PositiveInt
from torch import Tensor

from zoo.figures import EvaluationContext, Figure
from zoo.figures._style import COLOURS, new_picture, show_image, tile, to_unit
from zoo.registry import find_source, register
from zoo.samplers import fit_sampler


@register("figure", "samples")
class Samples(Figure):
    """Draws of the model: a grid of images, a row a class if it is conditional; points for two-dimensional data.

    Args:
        count: number of images, or a hundredth of the number of points.
        sampler: where codes come from, ``prior`` or another that is fitted to the training data.
    """

    def __init__(self, *, count: PositiveInt = 100, sampler: str = "prior") -> None:
        find_source("sampler", sampler, "sampler")
        self.count, self.sampler = count, sampler

    def unfit(self, context: EvaluationContext) -> str | None:
        """Only images and points in the plane are shown."""
        if self.sampler != "prior" and context.train is None:
            return f"the sampler {self.sampler!r} needs the training data, which are not at hand"
        plane = context.model.data_shape == (2,)
        return None if context.shows_images or plane else "its data are neither images nor points in the plane"

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the grid, or data and samples as points."""
        model = context.model
        # A denoiser has no codes to draw: its own way needs no sampler.
        options: dict[str, Any] = (
            {} if self.sampler == "prior" else {"latents": fit_sampler(self.sampler, model, context.train)}
        )
        if not context.shows_images:
            count = min(100 * self.count, len(context.split))
            labels = torch.arange(count, device=model.device) % model.classes if model.classes else None
            data = context.split.examples(torch.arange(count))
            return plot_points(data, model.sample(count, labels, noise=True, **options).cpu())
        labels = torch.arange(self.count, device=model.device) * (model.classes or 0) // self.count
        images = model.sample(self.count, labels if model.classes else None, **options)
        return plot_images(images, columns=round(self.count**0.5), data_range=model.spec.data_range)


def plot_images(images: Tensor, columns: int, data_range: tuple[float, float] | None) -> MatplotlibFigure:
    """Plot images (N, C, H, W) in a grid, row by row."""
    tiled = tile(to_unit(images, data_range), columns)
    picture = new_picture(5, 5 * tiled.shape[0] / tiled.shape[1])
    show_image(picture.subplots(), tiled)
    return picture


def plot_points(data: Tensor, samples: Tensor) -> MatplotlibFigure:
    """Plot data and samples (N, 2) beside each other on the same axes."""
    picture = new_picture(7, 3.6)
    panels = picture.subplots(1, 2, sharex=True, sharey=True)
    for axes, points, name, colour in zip(panels, (data, samples), ("data", "samples"), COLOURS, strict=False):
        axes.plot(*points.T.numpy(), ".", markersize=2, alpha=0.5, color=colour)
        axes.set(title=name, xlabel="$x_1$", aspect="equal")
    panels[0].set_ylabel("$x_2$")
    return picture
