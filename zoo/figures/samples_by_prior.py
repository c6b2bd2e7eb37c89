"""Samples from each prior beside data."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.drawing.style import new_figure, show_image, tile, to_unit
from zoo.evaluation.measurement import FITTED, PRIOR, Source
from zoo.evaluation.sampling import check_source, draw_samples
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import register
from zoo.utils.seeds import seeded


@register("figure", "samples_by_prior")
class SamplesByPrior(Figure):
    """Images of the data, samples from the prior of training, and samples from the fitted prior, side by side.

    For a model without a fitted prior, the last are from a mixture of ten Gaussians that is fitted to the latents of
    the training data only for this figure. If samples are poor from the prior but good from the fitted one, the decoder
    is good, but the prior does not match the latents. A conditional model has a row for each class.

    Args:
        count: number of images in each panel, a square.
    """

    def __init__(self, *, count: PositiveInt = 64) -> None:
        self.columns = max(1, round(count**0.5))

    def check(self, context: EvaluationContext) -> None:
        """Require images, and a prior beside which another is fitted or can be."""
        context.require_images()
        check_source(context, PRIOR)
        check_source(context, FITTED)

    @torch.no_grad()
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return three grids of images."""
        model = context.model
        count = self.columns * self.columns
        labels = torch.arange(count) * model.classes // count if model.classes else None
        panels = {"data": _examples(context, count, labels)}
        for source in (PRIOR, FITTED):
            # The same seed for each: where two priors are alike, so are the samples.
            with seeded(0):
                panels[_title(context, source)] = draw_samples(context, source, count, labels=labels)
        figure = new_figure(9, 9 / len(panels) * model.data_shape[1] / model.data_shape[2] + 0.8)
        for axes, (title, images) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
            show_image(axes, tile(to_unit(images, model.spec.data_range), self.columns).image)
            axes.set_title(title)
        return figure


def _title(context: EvaluationContext, source: Source) -> str:
    """Return the words for a source, with the name of its prior."""
    spec = context.model.spec
    if source == PRIOR:
        name = spec.prior.name if spec.prior else ""
    else:
        name = spec.fitted_prior.name if spec.fitted_prior else "mixture"
    return f"{source.title}\n{name.replace('_', ' ')}"


def _examples(context: EvaluationContext, count: int, labels: Tensor | None) -> Tensor:
    """Return examples (count, *data_shape) of given classes in turn, or the first ones; some again if there are few."""
    known = context.split.labels
    if labels is None or known is None:
        return context.split.examples(torch.arange(count) % len(context.split)).cpu()
    chosen, seen = [], dict.fromkeys(labels.tolist(), 0)
    for label in labels.tolist():
        members = (known.cpu() == label).nonzero()[:, 0]
        members = members if len(members) else torch.arange(len(known))
        chosen.append(int(members[seen[label] % len(members)]))
        seen[label] += 1
    return context.split.examples(torch.tensor(chosen)).cpu()
