"""Whether neighbours in the latent space are of the same class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from pydantic import PositiveInt

from zoo.analysis.neighbours import neighbours_vote
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.metrics._labelled import check_labelled_codes, measure_accuracy
from zoo.registry import register

NEIGHBOUR_ACCURACY = Result(
    "neighbour_accuracy",
    "Share of examples whose nearest neighbours in the latent space are mostly of their class.",
    better="higher",
)


@register("metric", "neighbour_accuracy")
class NeighbourAccuracy(Metric):
    """The share of examples whose class is the majority among the k nearest codes (k-nearest-neighbour accuracy).

    The neighbours are codes of the training data where those are available; else those of the split itself, in
    five-fold cross-validation.

    Args:
        neighbours: k.
        train_examples: use at most this many training examples, the first ones.

    Source:
        Cover & Hart (1967), Nearest Neighbor Pattern Classification. https://doi.org/10.1109/TIT.1967.1053964
    """

    results: ClassVar[Sequence[Result]] = (NEIGHBOUR_ACCURACY,)

    def __init__(self, *, neighbours: PositiveInt = 10, train_examples: PositiveInt = 20_000) -> None:
        self.neighbours, self.train_examples = neighbours, train_examples

    def check(self, context: EvaluationContext) -> None:
        """Require codes of labelled examples, and at least k neighbours."""
        check_labelled_codes(context, self.neighbours)

    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``neighbour_accuracy``, from 0 to 1."""
        predict = partial(neighbours_vote, k=self.neighbours)
        return [measure_accuracy(NEIGHBOUR_ACCURACY, context, self.train_examples, predict)]
