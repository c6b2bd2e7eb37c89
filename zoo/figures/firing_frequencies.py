"""How often each latent of a sparse code fires."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.firing import firing_counts
from zoo.drawing.style import COLOURS, ink, new_figure
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "firing_frequencies")
class FiringFrequencies(Figure):
    """A histogram of the share of examples for which each latent fires, on a logarithmic axis.

    Latents that fire for no example stand apart at the left; a second hump far to the left of the first are latents
    that are nearly dead. A line marks the mean, L0 over the number of latents.

    Args:
        examples: count in at most this many examples, the first of the split.
        bins: of the histogram.
    """

    def __init__(self, *, examples: PositiveInt = 10_000, bins: PositiveInt = 40) -> None:
        self.examples, self.bins = examples, bins

    def check(self, context: EvaluationContext) -> None:
        """Require sparse codes."""
        context.require_sparse_latents()

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the histogram."""
        examples = min(self.examples, len(context.split))
        _, of_latent = firing_counts(context.model, context.batches(512, examples))
        return plot_firing(context.group.sum(of_latent), examples, self.bins)


def plot_firing(counts: Tensor, examples: int, bins: int = 40) -> MatplotlibFigure:
    """Plot the frequencies of latents from the number of examples for which each fires, (M,), and their total."""
    figure = new_figure(6, 3)
    axes = figure.subplots()
    alive = counts[counts > 0] / examples
    lowest = math.log10(1 / examples)
    width = max(-lowest, 0.5) / bins
    edges = torch.logspace(lowest, 0, bins + 1).tolist()
    axes.hist(alive.clamp(edges[0], edges[-1]).tolist(), bins=edges, color=COLOURS[0], label=f"{len(alive)} that fire")
    dead = len(counts) - len(alive)
    left = 10 ** (lowest - 4 * width)
    axes.bar(left, dead, width=left * (10**width - 1), align="edge", color=COLOURS[1], label=f"{dead} that never do")
    mean = counts.mean().item() / examples
    if mean:
        axes.axvline(mean, color=ink(), linestyle=":", label=f"mean {mean:.2g}")
    axes.set(xscale="log", xlabel=f"share of {examples} examples for which a latent fires", ylabel="latents")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper right", fontsize="small", ncols=3)
    return figure
