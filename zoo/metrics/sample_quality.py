"""How good samples are, compared with data that the model has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.dataset_features import dataset_classifier
from zoo.analysis.feature_classifier import FEATURES
from zoo.analysis.quality import density_coverage, frechet_distance, precision_recall
from zoo.data import Split
from zoo.errors import NotApplicableError, why_not
from zoo.evaluation.measurement import FITTED, PRIOR, TRAINING_DATA, Source
from zoo.evaluation.sampling import SourceName, check_source, draw_samples, source_named
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register
from zoo.utils.seeds import epoch_order

_SOURCES = (TRAINING_DATA, PRIOR, FITTED)
FRECHET_DISTANCE = Result(
    "frechet_distance",
    "Squared distance of Gaussians fitted to the features of examples and of samples; compare with training data.",
    better="lower",
    title="Fréchet distance",
    sources=_SOURCES,
)
PRECISION = Result("precision", "Share of samples that lie where examples are.", better="higher", sources=_SOURCES)
RECALL = Result("recall", "Share of examples that lie where samples are.", better="higher", sources=_SOURCES)
DENSITY = Result(
    "density", "Number of examples around a sample; 1 is as dense as the data.", better="higher", sources=_SOURCES
)
COVERAGE = Result("coverage", "Share of examples with a sample nearby.", better="higher", sources=_SOURCES)

_MANIFOLD_NEIGHBOURS, _DENSITY_NEIGHBOURS = 3, 5
"""k in the two papers."""


@register("metric", "sample_quality")
class SampleQuality(Metric):
    """Precision, recall, density, coverage and Fréchet distance of samples from data in a feature space.

    Bad samples lower precision and density, missing kinds of data lower recall and coverage; both raise the Fréchet
    distance. Samples from the prior and from a prior fitted to the codes of the training data are measured side by
    side, and training data in place of samples: the score of a perfect model on as many examples. Features are those
    of a small classifier of the dataset, trained once and kept, unless the caller passes others; values compare only
    within one feature space.

    Args:
        sources: where samples come from; a source that does not apply to the model is left out.
        examples: compare at most this many samples and examples, a fixed random choice.
        noise: compare draws of p(x|z) rather than its means; for binary data.

    Source:
        Kynkäänniemi et al. (2019), Improved Precision and Recall Metric. https://arxiv.org/abs/1904.06991
        Naeem et al. (2020), Reliable Fidelity and Diversity Metrics. https://arxiv.org/abs/2002.09797
        Heusel et al. (2017), section 2 (Fréchet distance). https://arxiv.org/abs/1706.08500
    """

    results: ClassVar[Sequence[Result]] = (FRECHET_DISTANCE, PRECISION, RECALL, DENSITY, COVERAGE)

    def __init__(
        self,
        *,
        sources: list[SourceName] = ["prior", "fitted"],  # noqa: B006 - only read
        examples: PositiveInt = 5000,
        noise: bool = False,
    ) -> None:
        self.sources, self.examples, self.noise = sources, examples, noise

    def check(self, context: EvaluationContext) -> None:
        """Require training data, labels or features, and enough examples for a covariance."""
        train = context.require_training_data()
        context.require_complete()
        if context.features is None and train.labels is None:
            raise NotApplicableError("the data have no labels to train a classifier of features with; pass `features`")
        count = min(len(context.split), len(train), self.examples)
        # A covariance of F features takes more than F examples; a density needs more than its k neighbours.
        least = FEATURES if context.features is None else _DENSITY_NEIGHBOURS
        if count <= least:
            raise NotApplicableError(f"it needs more than {least} examples, there are {count}")

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return five numbers for each source, such as ``precision_prior``."""
        train = context.require_training_data()
        features = context.features or dataset_classifier(train).features
        count = min(self.examples, len(context.split), len(train))
        real = _features_of_split(features, context.split, count)
        examples = None if count == len(context.split) else count
        found = _compare(real, _features_of_split(features, train, count), TRAINING_DATA, examples)
        for source in map(source_named, self.sources):
            if why_not(check_source, context, source) is None:
                samples = draw_samples(context, source, count, noise=self.noise)
                found += _compare(real, _features_of(features, samples), source, examples)
        return found


def _compare(real: Tensor, generated: Tensor, source: Source, examples: int | None) -> list[Measurement]:
    precision, recall = precision_recall(real, generated, k=_MANIFOLD_NEIGHBOURS)
    density, coverage = density_coverage(real, generated, k=_DENSITY_NEIGHBOURS)
    values = {
        FRECHET_DISTANCE: frechet_distance(real, generated),
        PRECISION: precision,
        RECALL: recall,
        DENSITY: density,
        COVERAGE: coverage,
    }
    return [Measurement(result, value, source=source, examples=examples) for result, value in values.items()]


def _features_of_split(features: Callable[[Tensor], Tensor], split: Split, count: int) -> Tensor:
    # Not the first ones: files are often sorted, by class or by quality.
    batches = split.batches(512, order=epoch_order(len(split), 0, 0)[:count], device="cpu")
    return torch.cat([features(batch.x).flatten(1) for batch in batches])


def _features_of(features: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.cat([features(block).flatten(1) for block in x.split(512)])
