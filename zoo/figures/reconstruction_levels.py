"""What each level of the latents adds to the reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.drawing.style import first_of_each_class, new_figure, show_image, tile, to_unit
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "reconstruction_levels")
class ReconstructionLevels(Figure):
    """Images, and below them reconstructions from more and more of the latents, coarse to fine.

    For a hierarchy, the first levels come from the posterior of the image, and each level below is the mean of its
    prior given those. For residual codebooks the first codes are used, and for codes on two maps first the coarse ones,
    with the mean vector of the fine ones. Levels that change nothing are not used by the model.

    Args:
        count: number of images, the first of each class if there are labels.
        rows: largest number of rows of reconstructions; with more levels, rows are evenly spaced and include the last.

    Source:
        Razavi, van den Oord & Vinyals (2019), Generating Diverse High-Fidelity Images with VQ-VAE-2, figure 3.
        https://arxiv.org/abs/1906.00446
    """

    def __init__(self, *, count: PositiveInt = 10, rows: PositiveInt = 6) -> None:
        self.count, self.rows = count, rows

    @torch.no_grad()
    def check(self, context: EvaluationContext) -> None:
        """Require images, and latents of several levels that a model encodes and decodes."""
        context.require_images()
        context.require_latents()
        context.require_reconstruction()
        context.require_examples(1)
        if len(self._latents(context, torch.zeros(1, dtype=torch.int64))) < 2:
            raise NotApplicableError("the latents have a single level")

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a row of images, and a row for each level."""
        labels = context.split.labels
        chosen = first_of_each_class(None if labels is None else labels.cpu(), min(self.count, len(context.split)))
        batch = context.take(chosen)
        latents = self._latents(context, chosen)
        inference = context.infer(batch)
        shown = torch.linspace(1, len(latents), min(self.rows, len(latents))).round().int().unique().tolist()
        rows = [inference.decode(latents[count - 1]).mean for count in shown]
        return plot_levels([batch.x, *rows], shown, len(latents), context.model.spec.data_range)

    def _latents(self, context: EvaluationContext, indices: Tensor) -> Sequence[Tensor]:
        return context.model.posterior.coarse_to_fine(context.infer(context.take(indices)).posterior)


def plot_levels(
    rows: Sequence[Tensor], shown: Sequence[int], levels: int, data_range: tuple[float, float] | None
) -> MatplotlibFigure:
    """Plot rows of images (N, C, H, W): the data, then reconstructions from more and more levels."""
    columns = len(rows[0])
    tiling = tile(to_unit(torch.cat(list(rows)), data_range), columns)
    height, width, _ = tiling.image.shape
    figure = new_figure(0.7 * columns + 1.3, 0.7 * columns * height / width + 0.3)
    axes = figure.subplots()
    show_image(axes, tiling.image)
    names = ["input", *(f"{count} of {levels}" for count in shown)]
    axes.set_yticks([tiling.row_centre(row) for row in range(len(rows))], names)
    axes.set_ylabel("levels")
    axes.tick_params(axis="y", length=0)
    return figure
