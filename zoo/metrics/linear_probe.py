"""Whether a linear classifier can predict the classes from the codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import PositiveInt

from zoo.analysis.probes import linear_probe
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.metrics._labelled import check_labelled_codes, measure_accuracy
from zoo.registry import register

LINEAR_PROBE_ACCURACY = Result(
    "linear_probe_accuracy",
    "Share of examples whose class a linear classifier predicts from the code.",
    better="higher",
)


@register("metric", "linear_probe")
class LinearProbe(Metric):
    """The share of examples whose class multinomial logistic regression predicts from the codes.

    It learns from codes of the training data where those are available; else from the split itself, in five-fold
    cross-validation.

    Args:
        train_examples: learn from at most this many training examples, the first ones.

    Source:
        Alain & Bengio (2017), Understanding intermediate layers using linear classifier probes.
        https://arxiv.org/abs/1610.01644
    """

    results: ClassVar[Sequence[Result]] = (LINEAR_PROBE_ACCURACY,)

    def __init__(self, *, train_examples: PositiveInt = 20_000) -> None:
        self.train_examples = train_examples

    def check(self, context: EvaluationContext) -> None:
        """Require codes of labelled examples, of two classes at least."""
        check_labelled_codes(context, 2)

    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``linear_probe_accuracy``, from 0 to 1."""
        return [measure_accuracy(LINEAR_PROBE_ACCURACY, context, self.train_examples, linear_probe)]
