"""Samples of a model to compare with data: from its prior, and from a prior fitted to its codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from zoo.analysis.codes import draw_latents
from zoo.errors import NotApplicableError
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.measurement import FITTED, PRIOR, Source
from zoo.priors.mixture import Mixture

SourceName = Literal["prior", "fitted"]
_SOURCES = {source.key: source for source in (PRIOR, FITTED)}
_BLOCK = 1024
_COMPONENTS, _CODES = 10, 10_000
"""Gaussians of a mixture that is fitted for a comparison, and the training examples it is fitted to at most."""


def source_named(name: SourceName) -> Source:
    """Return the source of samples with a name."""
    return _SOURCES[name]


def check_source(context: EvaluationContext, source: Source) -> None:
    """Check that a model can be sampled from a source.

    Raises:
        NotApplicableError: there is no fitted prior, and none can be fitted: the model has no latents, or they are
            discrete, or there are no training data.
    """
    model = context.model
    if source == FITTED and not model.has("fitted_prior"):
        if not model.has("prior"):
            raise NotApplicableError("the model's samples are not decoded latents")
        if model.posterior.discrete:
            raise NotApplicableError("the latents are discrete codes, and no prior was fitted to them")
        context.require_training_data()


def draw_samples(
    context: EvaluationContext, source: Source, count: int, *, labels: Tensor | None = None, noise: bool = False
) -> Tensor:
    """Return samples (count, *data_shape) on the CPU.

    Args:
        source: ``PRIOR``: the model's prior, or its own way to sample where it has none. ``FITTED``: its fitted prior;
            if it has none, a mixture of ten Gaussians that is fitted to the latents of the training data for this
            comparison alone.
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
    if not model.has("prior"):
        return lambda size, labels: model.sample(size, labels, noise=noise)
    if source == PRIOR or model.has("fitted_prior"):
        return lambda size, labels: model.sample(size, labels, noise=noise, fitted=source == FITTED)
    mixture = _fit_mixture(context)

    def draw(size: int, labels: Tensor | None) -> Tensor:
        latents = mixture(model.inference(labels=labels))
        return model.sample(size, labels, noise=noise, latents=latents)

    return draw


def _fit_mixture(context: EvaluationContext) -> Mixture:
    """Return a mixture of Gaussians fitted to the latents of the training data, of fewer Gaussians for few latents."""
    model = context.model
    latents = draw_latents(model, context.require_training_data(), _CODES)
    components = max(1, min(_COMPONENTS, len(latents.z) // 2))
    prior = Mixture(latent_shape=model.latent_shape, classes=model.classes or 0, components=components)
    prior.to(model.device).fit(*latents)
    return prior
