"""Samples of a model to compare with data: from its prior, and from a prior fitted to its codes."""

from __future__ import annotations

import math
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
_COMPONENTS, _EXAMPLES, _LATENTS = 10, 10_000, 20_000
"""At most: the Gaussians of a mixture that is fitted for a comparison, the training examples, and their latents."""
_VALUES, _PRODUCTS = 2**22, 10**10
"""Roughly the largest number of values of its latents, N d, and of products in a step, K N d²: limits above d = 200."""


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
            comparison alone; of fewer for few latents, or for more than about 200 dimensions.
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
    """Return a mixture of Gaussians fitted to the latents of the training data, in bounded time and memory."""
    model = context.model
    size = math.prod(model.latent_shape)
    most = max(2, _VALUES // size)
    latents = draw_latents(model, context.require_training_data(), min(_EXAMPLES, most), total=min(_LATENTS, most))
    count = len(latents.z)
    components = max(1, min(_COMPONENTS, count // 2, _PRODUCTS // (max(1, count) * size**2)))
    prior = Mixture(latent_shape=model.latent_shape, classes=model.classes or 0, components=components)
    prior.to(model.device).fit(*latents)
    return prior
