"""Shared by all figures: sizes, colours that colour-blind readers can tell apart, and grids of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from zoo.analysis.projection import Projection
from zoo.errors import cut, printable

COLOURS = (
    "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE",
    "#AA3377", "#BBBBBB", "#000000", "#EE8866", "#44BB99",
)  # fmt: skip
"""Qualitative colours of Paul Tol's "bright" and "light" schemes, https://personal.sron.nl/~pault/."""

_MARKERS = ("o", "^", "s")

_LEAST_SIDE = 28
"""The smallest number of pixels of the longer side of an image in tiles with gaps."""

_GAP = (0.78, 0.86, 0.93)
"""The colour of gaps, a light blue that differs from the background and from ink."""

_GAP_SHARE = 0.09
"""Width of a gap as a share of the longer side of an image."""


def ink() -> str:
    """Return the colour of text in the user's matplotlib style: black, or light on a dark background."""
    colour: str = mpl.rcParams["text.color"]
    return colour


def class_colour(index: int) -> str:
    """Return the colour of a class by its rank among the classes; black becomes the colour of text."""
    colour = COLOURS[index % len(COLOURS)]
    return ink() if colour == "#000000" else colour


def class_marker(index: int) -> str:
    """Return the marker of a class by its rank among the classes: it changes after every ten colours."""
    return _MARKERS[index // len(COLOURS) % len(_MARKERS)]


def new_figure(width: float, height: float) -> MatplotlibFigure:
    """Return an empty figure of a size in inches, without pyplot's global state."""
    return MatplotlibFigure(figsize=(width, height), layout="constrained")


def short_name(name: str, most: int = 26) -> str:
    """Return the name of a column or a class in a form that can be drawn: a dollar sign would begin a formula.

    Example:
        >>> short_name("price in $", 20), short_name("abcdef", 4), short_name("a\x1bb")
        ('price in \\\\$', 'abc…', 'a\\\\x1bb')
    """
    return printable(cut(name, most)).replace("\n", " ").replace("$", r"\$")


class Tiling(NamedTuple):
    """Images arranged row by row in one image.

    Attributes:
        image: (H', W', C); gaps are NaN.
        rows: number of rows.
        columns: number of columns.
        gap: width of a gap in pixels.
    """

    image: Tensor
    rows: int
    columns: int
    gap: int

    def row_centre(self, row: float) -> float:
        """Return the vertical centre of a row in pixels of the image; a fraction lies between two rows."""
        return (row + 0.5) * (self.image.shape[0] + self.gap) / self.rows - self.gap / 2 - 0.5

    def column_centre(self, column: float) -> float:
        """Return the horizontal centre of a column in pixels of the image; a fraction lies between two columns."""
        return (column + 0.5) * (self.image.shape[1] + self.gap) / self.columns - self.gap / 2 - 0.5


def tile(images: Tensor, columns: int, *, gaps: bool = True) -> Tiling:
    """Arrange images (N, C, H, W) row by row, with gaps between them.

    Small images are first enlarged by whole pixels, so that the gaps are relatively narrow.
    """
    factor = max(1, math.ceil(_LEAST_SIDE / max(images.shape[-2:]))) if gaps else 1
    images = images.repeat_interleave(factor, -2).repeat_interleave(factor, -1)
    count, channels, height, width = images.shape
    gap = max(1, round(_GAP_SHARE * max(height, width))) if gaps else 0
    rows = math.ceil(count / columns)
    canvas = images.new_full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), math.nan)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = rearrange(image, "c h w -> h w c")
    return Tiling(canvas, rows, columns, gap)


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


def signed(value: float, decimals: int | None = None) -> str:
    """Write a number with a true minus sign, as matplotlib does on its axes.

    Example:
        >>> signed(-1.50), signed(-1.5, 2), signed(-0.0)
        ('−1.5', '−1.50', '0')
    """
    text = f"{value + 0.0:g}" if decimals is None else f"{value:.{decimals}f}"
    return text.replace("-", "−")


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


def rows_of_classes(labels: Tensor | None, total: int, columns: int, rows: int) -> tuple[Tensor, int]:
    """Return the indices of examples for a grid, row by row, and its number of columns.

    Each column has the first examples of a class; without labels the examples keep their order. A class with too few
    examples for its column repeats its last one.
    """
    if labels is None:
        columns = min(columns, total)
        return torch.arange(min(columns * rows, total // columns * columns)), columns
    members = [(labels == label).nonzero()[:, 0].cpu() for label in labels.unique()[:columns]]
    height = min(rows, max(len(each) for each in members))
    grid = torch.stack([each[torch.arange(height).clamp_max(len(each) - 1)] for each in members], dim=1)
    return grid.flatten(), len(members)


def in_pairs_of_rows(above: Tensor, below: Tensor, columns: int) -> Tensor:
    """Arrange two sets of images (N, C, H, W) so that each row of the first is followed by that of the second."""
    pair = torch.stack([rearrange(each, "(r c) ... -> r c ...", c=columns) for each in (above, below)], dim=1)
    return rearrange(pair, "r p c ... -> (r p c) ...")


def label_plane(axes: Axes, codes: Tensor, across: Callable[[float], float], down: Callable[[float], float]) -> None:
    """Label a grid over a plane of codes (size², 2) with ticks at round values, with the largest z₂ on top.

    Args:
        across: the horizontal centre of a column, by its number from the left; a fraction lies between two.
        down: the vertical centre of a row, by its number from the top.
    """
    size = math.isqrt(len(codes))
    values = codes.view(size, size, 2)
    places, names = _round_values(values[0, :, 0])
    axes.set_xticks([across(place) for place in places], names)
    places, names = _round_values(values[:, 0, 1].flip(0))
    axes.set_yticks([down(size - 1 - place) for place in places], names)
    axes.set(xlabel="$z_1$, at quantiles of the prior", ylabel="$z_2$, at quantiles of the prior")


def _round_values(values: Tensor) -> tuple[list[float], list[str]]:
    """Return round numbers within increasing values (size,): their positions among the indices, and their labels."""
    low, high = values[0].item(), values[-1].item()
    ticks = np.array(
        [tick for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high]
    )
    places = np.interp(ticks, values.numpy(), np.arange(len(values)))
    return places.tolist(), [signed(tick) for tick in ticks]
