"""Correlations of the columns of a table, in data and in samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.drawing.style import new_figure, short_name
from zoo.evaluation.sampling import SourceName, check_source, draw_samples, source_named
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register

_MOST_NAMES = 40


@register("figure", "correlations")
class Correlations(Figure):
    """The correlation matrix of the columns of a table: of data, of samples, and their difference.

    A category counts as 1 where a row has it. Missing values are left out pair by pair. The title of the difference has
    its root mean square, which is about √(2/n) for n samples from the distribution of the data and weak correlations.

    Args:
        count: rows at most.
        source: ``prior``, or ``fitted`` for a prior fitted to the codes of the training data.
    """

    def __init__(self, *, count: PositiveInt = 10_000, source: SourceName = "prior") -> None:
        self.count, self.source = count, source_named(source)

    def check(self, context: EvaluationContext) -> None:
        """Require rows of several values, three examples, and what the source needs."""
        context.require_rows()
        context.require_examples(3)
        check_source(context, self.source)

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return three matrices."""
        model, count = context.model, min(self.count, len(context.split))
        labels = context.split.labels[:count].cpu() if model.classes and context.split.labels is not None else None
        samples = draw_samples(context, self.source, count, labels=labels, noise=True)
        data = context.split.examples(torch.arange(count))
        names = model.data.value_names or [f"x{place}" for place in range(1, model.data_shape[0] + 1)]
        return plot_correlations(correlations(data), correlations(samples), names)


def correlations(x: Tensor) -> npt.NDArray[np.float64]:
    """Return the correlation matrix (d, d) of rows (N, d), without missing values; NaN for a constant column.

    Example:
        >>> correlations(torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [torch.nan, 1.0]])).round(3).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    rows = x.double().numpy()
    seen = np.isfinite(rows).astype(float)
    values = np.nan_to_num(rows)
    counts = seen.T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        # Each pair of columns over the rows in which both are known.
        means = (values.T @ seen) / counts
        products = (values.T @ values) / counts - means * means.T
        squares = ((values**2).T @ seen) / counts - means**2
        scale = np.sqrt(np.clip(squares, 0, None) * np.clip(squares.T, 0, None))
        found: npt.NDArray[np.float64] = np.where(scale > 1e-12, products / scale, np.nan)
    return found.clip(-1, 1)


def plot_correlations(
    data: npt.NDArray[np.float64], samples: npt.NDArray[np.float64], names: Sequence[str]
) -> MatplotlibFigure:
    """Plot the matrices of data and samples, and what the samples' exceeds the data's by."""
    size = len(names)
    side = max(2.6, min(5.0, 0.22 * size))
    figure = new_figure(3 * side + 2.2, side + 1.6)
    panels = figure.subplots(1, 3, sharey=True)
    difference = samples - data
    known = difference[~np.eye(size, dtype=bool)]
    error = float(np.sqrt(np.nanmean(known**2))) if np.isfinite(known).any() else float("nan")
    titles = ("data", "samples", f"samples − data, root mean square {error:.2g}")
    for axes, matrix, title in zip(panels, (data, samples, difference), titles, strict=True):
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize="medium")
        if size <= _MOST_NAMES:
            words = [short_name(name, 18) for name in names]
            axes.set_xticks(range(size), words, rotation=90, fontsize="x-small")
            axes.set_yticks(range(size), words, fontsize="x-small")
        else:
            axes.set(xticks=[], yticks=[], xlabel=f"{size} values")
    figure.colorbar(image, ax=list(panels), shrink=0.8).set_label("correlation", fontsize="small")
    return figure
