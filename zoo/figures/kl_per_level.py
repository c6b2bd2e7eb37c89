"""The information in each level of a hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.drawing.style import COLOURS, ink, new_figure
from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "kl_per_level")
class KlPerLevelBars(Figure):
    """KL(q(z_l|x, z_{>l}) ‖ p(z_l|z_{>l})) of each level of a hierarchy, top first: a bar for its mean over the data.

    A line on each bar reaches from the 10 % to the 90 % quantile of the examples. A level near zero is not used.

    Args:
        examples: how many examples to use, from the start of the split.
        num_samples: draws of z for each x.

    Source:
        Sønderby et al. (2016), Ladder Variational Autoencoders, section 3. https://arxiv.org/abs/1602.02282
    """

    title: ClassVar[str] = "KL per level"

    def __init__(self, *, examples: PositiveInt = 1000, num_samples: PositiveInt = 5) -> None:
        self.examples, self.num_samples = examples, num_samples

    @torch.no_grad()
    def check(self, context: EvaluationContext) -> None:
        """Require latents with several levels."""
        context.require_latents()
        context.require_density()
        context.require_examples(1)
        drawn = context.infer(context.take(torch.zeros(1, dtype=torch.int64))).draw(1, reparameterised=False)
        if len(drawn.levels) < 2:
            raise NotApplicableError("the latents have a single level")

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return a bar chart."""
        batch = context.take(torch.arange(min(self.examples, len(context.split))))
        samples = context.infer(batch).draw(self.num_samples, reparameterised=False)
        sizes = [level.z[0, 0].numel() for level in samples.levels]
        return plot_levels(samples.kl_of_levels().cpu(), sizes)


def plot_levels(divergences: Tensor, sizes: Sequence[int]) -> MatplotlibFigure:
    """Plot the KL divergences (L, N) of levels with given numbers of latents."""
    count = len(sizes)
    figure = new_figure(1.4 + 0.95 * max(count, 3), 3.2)
    axes = figure.subplots()
    means = divergences.mean(1)
    low, high = divergences.quantile(torch.tensor([0.1, 0.9]), dim=1)
    axes.bar(range(count), means.tolist(), color=COLOURS[0], width=0.6)
    axes.vlines(range(count), low.tolist(), high.tolist(), color=ink(), linewidth=1)
    names = [
        f"{index + 1}\n{value:.3g} nats\n{size} latent{'' if size == 1 else 's'}"
        for index, (value, size) in enumerate(zip(means.tolist(), sizes, strict=True))
    ]
    axes.set_xticks(range(count), names)
    axes.set(xlabel="level, from the top", ylabel="KL divergence [nats]", ylim=(0, None))
    axes.set_title(f"{means.sum():.3g} nats in all; lines: 80 % of the examples", fontsize="small")
    axes.grid(axis="y", alpha=0.3)
    axes.margins(y=0.12)
    return figure
