"""Samples of a model to compare with data: from its prior, and from a prior fitted to its codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from zoo.errors import NotApplicableError
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.measurement import FITTED, PRIOR, Source
from zoo.samplers import fit_sampler

SourceName = Literal["prior", "fitted"]
_SOURCES = {source.key: source for source in (PRIOR, FITTED)}
_BLOCK = 1024


def source_named(name: SourceName) -> Source:
    """Return the source of samples with a name."""
    return _SOURCES[name]


def check_source(context: EvaluationContext, source: Source) -> None:
    """Check that a model can be sampled from a source.

    Raises:
        NotApplicableError: there are no codes to fit a prior to, or no training data to encode.
    """
    if source == FITTED:
        if not context.model.has("prior"):
            raise NotApplicableError("the model's samples are not decoded codes")
        context.require_training_data()


def draw_samples(
    context: EvaluationContext, source: Source, count: int, *, labels: Tensor | None = None, noise: bool = False
) -> Tensor:
    """Return samples (count, *data_shape) on the CPU.

    Args:
        source: ``PRIOR``, the model's own way to sample; or ``FITTED``, its fitted prior, or if it has none, a mixture
            of ten Gaussians that is fitted to the codes of the training data for this comparison alone.
        labels: (count,) for a conditional model; each class in turn if not given.
        noise: return draws of p(x|z) rather than its mean.
    """
    check_source(context, source)
    draw = _sampler(context, source, noise=noise)
    model = context.model
    if model.classes and labels is None:
        labels = torch.arange(count) % model.classes
    blocks = []
    for start in range(0, count, _BLOCK):
        chosen = labels[start : start + _BLOCK].to(model.device) if model.classes and labels is not None else None
        blocks.append(draw(min(_BLOCK, count - start), chosen).cpu())
    return torch.cat(blocks)


def _sampler(context: EvaluationContext, source: Source, *, noise: bool) -> Callable[[int, Tensor | None], Tensor]:
    """Return the function that draws a number of samples with given labels."""
    model = context.model
    if source == PRIOR:
        return lambda size, labels: model.sample(size, labels, noise=noise)
    mixture = fit_sampler("aggregate", model, context.require_training_data())
    return lambda size, labels: model.sample(size, labels, noise=noise, latents=mixture)
