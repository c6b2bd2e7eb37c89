"""Series as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.drawing.style import COLOURS, ink, label_plane, new_figure
from zoo.drawing.view import View
from zoo.preparation.described import scaling_of
from zoo.preparation.preprocessing import stored_values
from zoo.spec.data_description import DataDescription

_LINES = 8
"""Lines that are drawn over a band of quantiles."""
_GAP = 0.12
"""Space between two strips or channels, as a share of their size."""


class SeriesView(View):
    """Draws series (C, T) as lines over their steps, the channels of one beside each other or in colours.

    Args:
        data: what the model knows of its data; reconstructions and samples are drawn in their units.
    """

    noun = "series"
    columns = 5
    grid_size = 9

    def __init__(self, data: DataDescription) -> None:
        self.data = data

    def sequences_size(self, rows: int, steps: int) -> tuple[float, float]:
        """Return inches: a strip an inch high for each sequence."""
        return 6.0, 1.0 * rows

    def draw_sequences(
        self, axes: Axes, sequences: Tensor, names: Sequence[str], ends: Sequence[str] | None = None
    ) -> None:
        """Draw a strip of overlaid lines for each sequence, from the first colour of the map to the last."""
        rows, steps, channels, length = sequences.shape
        low, high = float(sequences.min()), float(sequences.max())
        unit = (sequences - low) / max(high - low, 1e-12)
        colours = mpl.colormaps["viridis"](np.linspace(0, 0.95, steps))
        for row in range(rows):
            for channel in range(channels):
                across = channel * length * (1 + _GAP) + np.arange(length)
                for step in range(steps):
                    line = unit[row, step, channel].numpy() - row * (1 + _GAP)
                    axes.plot(across, line, color=colours[step], linewidth=1)
        centres = [0.5 - row * (1 + _GAP) for row in range(rows)]
        axes.text(0, 1.06, "from dark to light", fontsize="x-small", alpha=0.7)
        axes.set_yticks(centres, names, fontsize="small")
        axes.set_xticks([])
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if ends is not None:
            right = axes.secondary_yaxis("right")
            right.set_yticks(centres, ends, fontsize="small")
            right.tick_params(length=0)
            right.spines[:].set_visible(False)

    def reconstructions(
        self, inputs: Tensor, outputs: Tensor, spread: Tensor | None, titles: Sequence[str], columns: int
    ) -> MatplotlibFigure:
        """Return a panel for each series and channel: the input as points, its reconstruction as a line with a band."""
        inputs, outputs = self._in_units(inputs), self._in_units(outputs)
        if spread is not None and self.data.is_known:
            spread = spread * scaling_of(self.data).span
        count, channels, length = inputs.shape
        blocks = -(-count // columns)
        figure = new_figure(2.2 * columns + 0.8, 1.5 * blocks * channels + 0.9)
        grid = figure.subplots(blocks * channels, columns, squeeze=False, sharex=True, sharey=channels == 1)
        steps = np.arange(length)
        for index in range(blocks * columns):
            for channel in range(channels):
                axes = grid[index // columns * channels + channel, index % columns]
                if index >= count:
                    axes.remove()
                    continue
                mean = outputs[index, channel].numpy()
                if spread is not None:
                    wide = 2 * spread[index, channel].numpy()
                    axes.fill_between(
                        steps,
                        mean - wide,
                        mean + wide,
                        color=COLOURS[1],
                        alpha=0.25,
                        linewidth=0,
                        label="± 2 deviations",
                    )
                axes.plot(steps, inputs[index, channel].numpy(), ".", color=ink(), markersize=2.5, label="input")
                axes.plot(steps, mean, color=COLOURS[1], linewidth=1.2, label="reconstruction")
                if channels > 1 and index % columns == 0:
                    axes.set_ylabel(f"channel {channel + 1}", fontsize="small")
                if titles and index < columns and channel == 0:
                    axes.set_title(titles[index], fontsize="small")
        _name_steps(grid)
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), fontsize="small")
        return figure

    def samples(self, sets: Mapping[str, Tensor]) -> MatplotlibFigure:
        """Return the sets beside each other: a few lines over the band that holds 90 % of the values."""
        shown = {name: self._in_units(values) for name, values in sets.items()}
        channels, length = next(iter(shown.values())).shape[1:]
        figure = new_figure(4 * len(shown), 2.4 * channels + 0.9)
        grid = figure.subplots(channels, len(shown), squeeze=False, sharex=True, sharey="row")
        steps, shares = np.arange(length), torch.tensor([0.05, 0.5, 0.95])
        for column, (name, values) in enumerate(shown.items()):
            for channel in range(channels):
                axes = grid[channel, column]
                low, middle, high = values[:, channel].quantile(shares, dim=0).numpy()
                axes.fill_between(steps, low, high, color="0.5", alpha=0.25, linewidth=0, label="5 % to 95 %")
                axes.plot(steps, middle, "--", color=ink(), linewidth=1, label="median")
                for index, line in enumerate(values[:_LINES, channel].numpy()):
                    axes.plot(steps, line, color=COLOURS[index % 6], linewidth=0.8, alpha=0.8)
                if channel == 0:
                    axes.set_title(name, parse_math=False)
                if channels > 1 and column == 0:
                    axes.set_ylabel(f"channel {channel + 1}")
        _name_steps(grid)
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), fontsize="small")
        return figure

    def _in_units(self, series: Tensor) -> Tensor:
        return stored_values(series, self.data) if self.data.is_known else series

    def grid(self, decoded: Tensor, codes: Tensor) -> MatplotlibFigure:
        """Return small lines all over the plane, a colour for each channel."""
        size = math.isqrt(len(codes))
        channels, length = decoded.shape[1:]
        low, high = float(decoded.min()), float(decoded.max())
        unit = (decoded - low) / max(high - low, 1e-12) - 0.5
        figure = new_figure(6.4, 6.0)
        axes = figure.subplots()
        steps = np.linspace(-0.42, 0.42, length)
        for index, example in enumerate(unit.numpy()):
            row, column = divmod(index, size)
            for channel in range(channels):
                colour = COLOURS[channel % len(COLOURS)]
                axes.plot(column + steps, -row + 0.84 * example[channel], color=colour, linewidth=0.8)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(0.5 - size, 0.5))
        axes.spines[:].set_visible(False)
        label_plane(axes, codes, lambda column: column, lambda row: -row)
        return figure


def _name_steps(grid: np.ndarray) -> None:
    """Name the horizontal axis below the lowest panel of each column."""
    for column in grid.T:
        shown = [axes for axes in column if axes.figure is not None]
        if shown:
            shown[-1].set_xlabel("step", fontsize="small")
            shown[-1].tick_params(labelbottom=True)
