"""Images in tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.drawing.style import in_pairs_of_rows, label_plane, new_figure, show_image, tile, to_unit
from zoo.drawing.view import View

_SMALL = 16
"""Images with fewer pixels a side are shown larger in a grid, with gaps between them."""


class ImageView(View):
    """Draws images (C, H, W) with one or three channels.

    Args:
        data_shape: (C, H, W).
        data_range: the values of black and white; None: the range of what is drawn.
    """

    noun = "image"
    noisy_samples = False

    def __init__(self, data_shape: Sequence[int], data_range: tuple[float, float] | None) -> None:
        self.data_range, self.small = data_range, max(data_shape[1:]) < _SMALL
        self.ratio = data_shape[1] / data_shape[2]
        self.grid_size = 12 if self.small else 20

    def sequences_size(self, rows: int, steps: int) -> tuple[float, float]:
        """Return inches: images 0.6 inches wide."""
        return 0.6 * steps, 0.6 * rows * self.ratio

    def draw_sequences(
        self, axes: Axes, sequences: Tensor, names: Sequence[str], ends: Sequence[str] | None = None
    ) -> None:
        """Draw a row of images for each sequence."""
        rows, steps = sequences.shape[:2]
        tiling = tile(to_unit(sequences.flatten(0, 1), self.data_range), columns=steps)
        show_image(axes, tiling.image)
        places = [tiling.row_centre(row) for row in range(rows)]
        axes.set_yticks(places, names, fontsize="small")
        axes.tick_params(axis="y", length=0)
        if ends is not None:
            right = axes.secondary_yaxis("right")
            right.set_yticks(places, ends, fontsize="small")
            right.tick_params(axis="y", length=0)
            right.spines[:].set_visible(False)

    def reconstructions(
        self, inputs: Tensor, outputs: Tensor, spread: Tensor | None, titles: Sequence[str], columns: int
    ) -> MatplotlibFigure:
        """Return reconstructions below each row of inputs."""
        tiling = tile(to_unit(in_pairs_of_rows(inputs, outputs, columns), self.data_range), columns)
        height, width, _ = tiling.image.shape
        figure = new_figure(0.7 * columns + 1, 0.7 * columns * height / width + 0.3 + 0.2 * bool(titles))
        axes = figure.subplots()
        show_image(axes, tiling.image)
        names = [name for _ in range(tiling.rows // 2) for name in ("input", "output")]
        axes.set_yticks([tiling.row_centre(row) for row in range(tiling.rows)], names)
        axes.tick_params(axis="y", length=0)
        if titles:
            above = axes.secondary_xaxis("top")
            above.set_xticks([tiling.column_centre(column) for column in range(columns)], titles, fontsize="small")
            above.tick_params(axis="x", length=0)
            above.spines[:].set_visible(False)
        return figure

    def samples(self, sets: Mapping[str, Tensor]) -> MatplotlibFigure:
        """Return a square grid of each set, beside each other."""
        tiled = [tile(to_unit(each, self.data_range), round(len(each) ** 0.5)).image for each in sets.values()]
        figure = new_figure(5 * len(tiled), 5 * max(image.shape[0] / image.shape[1] for image in tiled))
        panels = figure.subplots(1, len(tiled), squeeze=False)[0]
        for axes, name, image in zip(panels, sets, tiled, strict=True):
            show_image(axes, image)
            if len(sets) > 1:
                axes.set_title(name, parse_math=False)
        return figure

    def grid(self, decoded: Tensor, codes: Tensor) -> MatplotlibFigure:
        """Return images all over the plane, with gaps if they are small."""
        return plot_grid(to_unit(decoded, self.data_range), codes, gaps=self.small)


def plot_grid(images: Tensor, codes: Tensor, *, gaps: bool) -> MatplotlibFigure:
    """Plot images (size², C, H, W) of a grid of codes (size², 2), with ticks at round values of the codes."""
    figure = new_figure(5.6, 5.6 * images.shape[-2] / images.shape[-1])
    axes = figure.subplots()
    tiling = tile(images, math.isqrt(len(codes)), gaps=gaps)
    show_image(axes, tiling.image)
    label_plane(axes, codes, tiling.column_centre, tiling.row_centre)
    return figure
