"""Whether neighbours in the latent space are of one class."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic import PositiveInt

from zoo.analysis.neighbours import neighbours_vote
from zoo.metrics import EvaluationContext, Metric
from zoo.metrics._labelled import accuracy, no_code, too_few
from zoo.model import Model
from zoo.registry import register


@register("metric", "neighbour_accuracy")
class NeighbourAccuracy(Metric):
    """The share of examples whose class is that of most of the k nearest codes (k-nearest-neighbour accuracy).

    Codes of the training data are the neighbours where those are at hand; else those of the split itself, in
    five-fold cross-validation.

    Args:
        neighbours: k.
        train_examples: training examples at most, the first ones.

    Source:
        Cover & Hart (1967), Nearest Neighbor Pattern Classification. https://doi.org/10.1109/TIT.1967.1053964
    """

    def __init__(self, *, neighbours: PositiveInt = 10, train_examples: PositiveInt = 20_000) -> None:
        self.neighbours, self.train_examples = neighbours, train_examples

    def unfit(self, model: Model) -> str | None:
        """A network has no code."""
        return no_code(model)

    def lack(self, context: EvaluationContext) -> str | None:
        """Labels, and at least k neighbours."""
        return too_few(context, self.neighbours)

    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``neighbour_accuracy``, from 0 to 1, and what it was learned from."""
        share, learned = accuracy(context, self.train_examples, partial(neighbours_vote, k=self.neighbours))
        return {"neighbour_accuracy": share, "neighbour_accuracy_learned_from": learned}
