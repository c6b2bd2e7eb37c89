"""The distance of a denoiser from the best possible one at each step."""

from __future__ import annotations

from pydantic import PositiveInt

from zoo.analysis.denoising import StepLosses, check_has_exact_denoiser, denoising_of, losses_by_step, mixture_oracle
from zoo.drawing.style import COLOURS, ink, new_figure
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register


@register("figure", "denoising_excess")
class DenoisingExcess(Figure):
    """Loss, floor and excess over the steps of the chain, and the excess as a share of the floor.

    Args:
        steps: maximum number of steps of the chain, evenly spread.
        examples: maximum number of examples, the first of the split.
    """

    def __init__(self, *, steps: PositiveInt = 100, examples: PositiveInt = 2000) -> None:
        self.steps, self.examples = steps, examples

    def check(self, context: EvaluationContext) -> None:
        """Require a denoiser of a mixture, for which the floor is known."""
        denoising_of(context.model)
        check_has_exact_denoiser(context.model, context.split.info)

    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return two panels."""
        model, split = context.model, context.split
        x0 = split.examples(min(self.examples, len(split))).to(model.device)
        oracle = mixture_oracle(model, split.info)
        return plot_excess(losses_by_step(model, x0, steps=self.steps, oracle=oracle))


def plot_excess(measured: StepLosses) -> MatplotlibFigure:
    """Plot loss, floor and excess (S,) over the steps on logarithmic scales, and their ratio."""
    ratios, average = measured.ratios, measured.excess_over_floor
    figure = new_figure(8, 3.4)
    left, right = figure.subplots(1, 2)
    curves = (("loss", measured.loss, "-"), ("floor", measured.floor, "--"), ("excess", measured.excess, "-"))
    for (name, values, style), colour in zip(curves, COLOURS, strict=False):
        left.plot(measured.steps, values, style, color=colour, label=name)
    left.set(xlabel="step $t$", ylabel="squared error", yscale="log")
    left.legend(loc="center right")
    right.plot(measured.steps, ratios, color=COLOURS[2])
    right.axhline(average, color=ink(), linestyle=":", label=f"averages: {average:.2g}")
    right.set(xlabel="step $t$", ylabel="excess / floor", yscale="log")
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure
