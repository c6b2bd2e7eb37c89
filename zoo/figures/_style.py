"""What all figures share: sizes, colours that colour-blind readers can tell apart, and image grids."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.analysis.projection import Projection

COLOURS = (
    "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE",
    "#AA3377", "#BBBBBB", "#000000", "#EE8866", "#44BB99",
)  # fmt: skip
"""Qualitative colours of Paul Tol's "bright" and "light" schemes, https://personal.sron.nl/~pault/."""


_LEAST_SIDE = 28
"""Pixels that the longer side of an image has at least, where images are tiled with gaps."""

_GAP = (0.66, 0.77, 0.88)
"""The colour between images, a light blue that neither paper nor ink has."""


def ink() -> str:
    """Return the colour of text in the reader's style: black, or light where the paper is dark."""
    colour: str = mpl.rcParams["text.color"]
    return colour


def class_colour(index: int) -> str:
    """Return the colour of a class by its place among the classes; black is the reader's ink."""
    colour = COLOURS[index % len(COLOURS)]
    return ink() if colour == "#000000" else colour


def new_figure(width: float, height: float) -> MatplotlibFigure:
    """Return an empty figure of a size in inches, without pyplot's global state."""
    return MatplotlibFigure(figsize=(width, height), layout="constrained")


def tile(images: Tensor, columns: int, gap: int = 1) -> Tensor:
    """Arrange images (N, C, H, W) row by row in one image (H', W', C); gaps between them are NaN.

    Small images are enlarged by whole pixels first, so that a gap is thin beside them.
    """
    factor = max(1, math.ceil(_LEAST_SIDE / max(images.shape[-2:]))) if gap else 1
    images = images.repeat_interleave(factor, -2).repeat_interleave(factor, -1)
    count, channels, height, width = images.shape
    rows = math.ceil(count / columns)
    canvas = images.new_full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), math.nan)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image.permute(1, 2, 0)
    return canvas


def to_unit(images: Tensor, data_range: Sequence[float] | None) -> Tensor:
    """Map images from the range of the data to [0, 1] for display."""
    low, high = data_range if data_range is not None else (images.min().item(), images.max().item())
    return ((images.detach().cpu().float() - low) / max(high - low, 1e-12)).clamp(0, 1)


def show_image(axes: Axes, image: Tensor) -> None:
    """Show an image (H, W, C) with values in [0, 1] or NaN, without ticks; one channel is drawn dark on light."""
    if image.shape[-1] == 1:
        image = (1 - image).expand(-1, -1, 3)
    axes.imshow(torch.where(image.isnan(), torch.tensor(_GAP), image).numpy(), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def axis_names(plane: Projection, *, short: bool = False) -> list[str]:
    """Return the names of the two axes of a plane of codes, short ones for a small panel."""
    if plane.shares is None:
        return ["$z_1$", "$z_2$"]
    if short:
        return [f"component {i + 1} ({share:.0%})" for i, share in enumerate(plane.shares)]
    return [f"principal component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(plane.shares)]


def first_of_each_class(labels: Tensor | None, count: int, per_class: int = 1) -> Tensor:
    """Return indices of up to ``count`` examples: the first of each class, or the first of all without labels."""
    if labels is None:
        return torch.arange(count)
    chosen = [(labels == label).nonzero()[:per_class, 0] for label in labels.unique()]
    return torch.cat(chosen)[:count]
