"""Whether classes can be read off the codes linearly."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from zoo.analysis.probes import linear_probe
from zoo.metrics import EvaluationContext, Metric
from zoo.metrics._labelled import accuracy, no_code, too_few
from zoo.model import Model
from zoo.registry import register


@register("metric", "linear_probe")
class LinearProbe(Metric):
    """The share of examples whose class multinomial logistic regression on the codes finds.

    It learns from codes of the training data where those are at hand; else from the split itself, in five-fold
    cross-validation.

    Args:
        train_examples: training examples at most, the first ones.

    Source:
        Alain & Bengio (2017), Understanding intermediate layers using linear classifier probes.
        https://arxiv.org/abs/1610.01644
    """

    def __init__(self, *, train_examples: PositiveInt = 20_000) -> None:
        self.train_examples = train_examples

    def unfit(self, model: Model) -> str | None:
        """A network has no code."""
        return no_code(model)

    def lack(self, context: EvaluationContext) -> str | None:
        """Labels of two classes at least."""
        return too_few(context, 2)

    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``linear_probe_accuracy``, from 0 to 1, and what it was learned from."""
        share, learned = accuracy(context, self.train_examples, linear_probe)
        return {"linear_probe_accuracy": share, "linear_probe_learned_from": learned}
