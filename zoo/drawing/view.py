"""The interface for drawing examples of one kind of data: images, series, or rows of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor


class View(ABC):
    """Draws examples of one kind of data.

    Attributes:
        noun: the word for an example.
        columns: the largest number of examples in a row of a grid.
        grid_size: rows and columns of a grid over the latent plane.
        noisy_samples: whether samples are draws of p(x|z), shown beside data, rather than its means, shown alone.
    """

    noun: str
    columns: int = 10
    grid_size: int
    noisy_samples: bool = True

    @abstractmethod
    def sequences_size(self, rows: int, steps: int) -> tuple[float, float]:
        """Return the width and height in inches of the drawing of :meth:`draw_sequences`, without its labels."""

    @abstractmethod
    def draw_sequences(
        self, axes: Axes, sequences: Tensor, names: Sequence[str], ends: Sequence[str] | None = None
    ) -> None:
        """Draw ordered examples (R, S, *data_shape), a row for each sequence.

        Args:
            names: (R,) on the left of each row.
            ends: (R,) on the right of each row.
        """

    @abstractmethod
    def reconstructions(
        self, inputs: Tensor, outputs: Tensor, spread: Tensor | None, titles: Sequence[str], columns: int
    ) -> MatplotlibFigure:
        """Return a figure of inputs and their reconstructions (N, *data_shape), of the classes that ``titles`` name.

        Args:
            spread: standard deviations of p(x|z), likewise; None where they are not known.
            titles: (columns,), or none.
            columns: examples beside each other.
        """

    @abstractmethod
    def samples(self, sets: Mapping[str, Tensor]) -> MatplotlibFigure:
        """Return a figure that compares sets of examples (N, *data_shape), by name, such as data and samples."""

    @abstractmethod
    def grid(self, decoded: Tensor, codes: Tensor) -> MatplotlibFigure:
        """Return a figure of examples (size², *data_shape) decoded over a plane of codes (size², 2), row by row."""
