"""How good samples are, beside data that the model has not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.dataset_features import dataset_classifier
from zoo.analysis.feature_classifier import FEATURES
from zoo.analysis.quality import density_coverage, frechet_distance, precision_recall
from zoo.data import Split
from zoo.metrics import EvaluationContext, Metric
from zoo.registry import find_source, register
from zoo.samplers import draw_samples, fit_sampler
from zoo.utils.seeds import epoch_order

_MANIFOLD_NEIGHBOURS, _DENSITY_NEIGHBOURS = 3, 5
"""k of the two papers."""


@register("metric", "sample_quality")
class SampleQuality(Metric):
    """Precision, recall, density, coverage and Fréchet distance of samples, by each sampler, in a feature space.

    Precision and density fall where samples are bad, recall and coverage where kinds of data are missing; the
    Fréchet distance sees both. Each is also measured of training data in place of samples (``data``), which
    says what a perfect model would score on so many examples. Features are those of a small classifier of the
    dataset, trained once and kept, unless the caller gives others; figures compare only within one such space.

    Args:
        samplers: where codes come from; one that does not apply to the model is left out.
        examples: samples, and examples that they are compared with, at most; a fixed random choice of them.
        noise: compare draws of p(x|z) rather than its means; for binary data.

    Source:
        Kynkäänniemi et al. (2019), Improved Precision and Recall Metric. https://arxiv.org/abs/1904.06991
        Naeem et al. (2020), Reliable Fidelity and Diversity Metrics. https://arxiv.org/abs/2002.09797
        Heusel et al. (2017), section 2 (Fréchet distance). https://arxiv.org/abs/1706.08500
    """

    def __init__(
        self,
        *,
        samplers: list[str] = ["prior", "aggregate"],  # noqa: B006 - only read
        examples: PositiveInt = 5000,
        noise: bool = False,
    ) -> None:
        for index, name in enumerate(samplers):
            find_source("sampler", name, f"samplers[{index}]")
        self.samplers, self.examples, self.noise = samplers, examples, noise

    def lack(self, context: EvaluationContext) -> str | None:
        """The training data, labels or features, and enough examples to tell a covariance."""
        if context.train is None:
            return "the training data are not at hand, pass all of the data"
        if context.features is None and context.train.labels is None:
            return "the data have no labels to train a classifier of features with, pass `features`"
        count = min(len(context.split), len(context.train), self.examples)
        # A covariance of F features takes more than F examples; a density needs more than its k neighbours.
        least = FEATURES if context.features is None else _DENSITY_NEIGHBOURS
        return None if count > least else f"more than {least} examples are needed, there are {count}"

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return five figures a sampler, such as ``precision_prior``, and how many examples they are of."""
        train = context.training_data("sample quality")
        features = context.features or dataset_classifier(train).features
        count = min(self.examples, len(context.split), len(train))
        real = _features_of_split(features, context.split, count)
        figures = _compare(real, _features_of_split(features, train, count), "data")
        for name in self.samplers:
            samples = _draw(context, name, count, noise=self.noise)
            if samples is not None:
                figures |= _compare(real, _features_of(features, samples), name)
        return {**figures, "sample_quality_examples": count}


def _draw(context: EvaluationContext, sampler: str, count: int, *, noise: bool) -> Tensor | None:
    """Return samples, or None if the sampler does not apply; a model without a prior has one way to be sampled."""
    model = context.model
    if sampler == "prior":
        return draw_samples(model, count, None, noise=noise)
    if not model.has("prior"):
        return None
    return draw_samples(model, count, fit_sampler(sampler, model, context.train), noise=noise)


def _compare(real: Tensor, generated: Tensor, name: str) -> dict[str, float]:
    precision, recall = precision_recall(real, generated, k=_MANIFOLD_NEIGHBOURS)
    density, coverage = density_coverage(real, generated, k=_DENSITY_NEIGHBOURS)
    return {
        f"frechet_distance_{name}": frechet_distance(real, generated),
        f"precision_{name}": precision,
        f"recall_{name}": recall,
        f"density_{name}": density,
        f"coverage_{name}": coverage,
    }


def _features_of_split(features: Callable[[Tensor], Tensor], split: Split, count: int) -> Tensor:
    # Not the first ones: files are often sorted, by class or by how clean the examples are.
    batches = split.batches(512, order=epoch_order(len(split), 0, 0)[:count], device="cpu")
    return torch.cat([features(batch.x).flatten(1) for batch in batches])


def _features_of(features: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.cat([features(block).flatten(1) for block in x.split(512)])
