"""The codes of a model: how often each occurs, and where in an image."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.codebook import code_counts, perplexities
from zoo.drawing.style import COLOURS, ink, new_figure, show_image, tile, to_unit
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "codebook")
class CodebookUse(Figure):
    """The frequency of each code, the most frequent first; for images also the maps of the codes of some examples.

    A line at the level of equal use shows how far the codebook is from it. A code has one colour in all maps of its
    codebook. Of several codebooks each has a row of maps: coarse before fine where one follows the other.

    Args:
        count: number of examples whose codes are shown.
        codebooks: number of codebooks whose maps are shown, the first ones.
        examples: count codes in at most this many examples, the first of the split.
    """

    def __init__(self, *, count: PositiveInt = 10, codebooks: PositiveInt = 4, examples: PositiveInt = 2000) -> None:
        self.count, self.codebooks, self.examples = count, codebooks, examples

    def check(self, context: EvaluationContext) -> None:
        """Require discrete codes."""
        context.require_codes()

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the frequencies, and below them images with their codes."""
        posterior, data_range = context.require_codes(), context.model.spec.data_range
        batch = context.take(torch.arange(min(self.examples, len(context.split))))
        indices = context.infer(batch).draw(1, reparameterised=False).levels[0].z[0]
        counts = code_counts(posterior, indices)
        maps = posterior.code_maps(indices[: self.count].cpu())[: self.codebooks]
        if not context.shows_images or not maps:
            return plot_codebook(counts)
        return plot_codebook(counts, _coloured(to_unit(batch.x[: self.count], data_range), maps), rows=1 + len(maps))


def plot_codebook(counts: Tensor, images: Tensor | None = None, rows: int = 2) -> MatplotlibFigure:
    """Plot the frequencies of codes, from counts (M, K), and below them images with their codes.

    Args:
        images: (rows · N, 3, H, W), row by row: N images, then their maps of the first codebook, of the second, ….
    """
    figure = new_figure(7, 2.6 if images is None else 2.7 + 0.75 * rows)
    heights: Sequence[float] = [2.4] if images is None else [2.4, 0.75 * rows]
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    frequencies = (counts / counts.sum(1, keepdim=True)).sort(1, descending=True).values
    ranks = range(1, counts.shape[1] + 1)
    for number, (each, perplexity) in enumerate(zip(frequencies, perplexities(counts), strict=True)):
        name = f"codebook {number + 1}, " if len(counts) > 1 else ""
        panels[0].plot(
            ranks,
            each,
            drawstyle="steps-mid",
            color=COLOURS[number % len(COLOURS)],
            label=f"{name}perplexity {perplexity:.1f}",
        )
    panels[0].axhline(1 / counts.shape[1], color=ink(), linestyle=":", label=f"equal use of {counts.shape[1]} codes")
    panels[0].set(xlabel="code, the most frequent first", ylabel="frequency", ylim=(0, None))
    panels[0].grid(alpha=0.3)
    figure.legend(loc="outside upper right", fontsize="small", ncols=min(3, len(counts) + 1))
    if images is not None:
        tiling = tile(images, len(images) // rows)
        show_image(panels[1], tiling.image)
        names = ["codes"] if len(counts) == 1 else [f"codebook {number + 1}" for number in range(rows - 1)]
        panels[1].set_yticks([tiling.row_centre(row) for row in range(rows)], ["image", *names], fontsize="small")
        panels[1].tick_params(axis="y", length=0)
    return figure


def _coloured(images: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """Return images (N, C, H, W) and after them maps of code numbers (N, h, w) in colour, ((1 + M) N, 3, H, W)."""
    rows = [(1 - images if images.shape[1] == 1 else images).expand(-1, 3, -1, -1)]
    for numbers in maps:
        # The golden ratio spreads the colours of neighbouring numbers around the circle of hues.
        hues = (numbers * 0.618034) % 1
        rgb = torch.tensor(mpl.colors.hsv_to_rgb(torch.stack([hues, 0.55 + 0 * hues, 0.9 + 0 * hues], -1).numpy()))
        rows.append(torch.nn.functional.interpolate(rgb.movedim(-1, 1).float(), size=images.shape[-2:], mode="nearest"))
    return torch.cat(rows)
