"""Metrics: numbers that measure a model; log-densities are in nats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.measurement import Measurement, Result, Source

__all__ = ["EvaluationContext", "Measurement", "Metric", "Result", "mean_of"]


class Metric(ABC):
    """Measures a model on data.

    Attributes:
        results: declarations of the numbers that the metric reports: unit, direction and explanation.
        by_default: whether it is measured when no metrics are named; False if it is slow or needs a download.

    Example:
        >>> import torch, zoo
        >>> from zoo.metrics import Measurement, Metric, Result
        >>> BRIGHTNESS = Result("brightness", "Mean of all values of the data.")
        >>> @zoo.register("metric", "brightness")
        ... class Brightness(Metric):
        ...     results = (BRIGHTNESS,)
        ...     def __init__(self) -> None: ...
        ...     def measure(self, context):
        ...         return [Measurement(BRIGHTNESS, context.split.examples(100).mean().item())]
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> zoo.evaluate(model, torch.ones(5, 1, 8, 8), ["brightness"])
        {'brightness': 1.0}
    """

    results: ClassVar[Sequence[Result]] = ()
    by_default: ClassVar[bool] = True

    def check(self, context: EvaluationContext) -> None:  # noqa: B027 - by default it applies to everything
        """Check that the metric applies to a model and its data.

        Raises:
            NotApplicableError: it does not; the message completes "does not apply: …".
        """

    @abstractmethod
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return the numbers; each is of one of ``results``."""


def mean_of(
    result: Result, values: Tensor, *, source: Source | None = None, examples: int | None = None, note: str = ""
) -> Measurement:
    """Return the mean of values (N,), one for each example, with its standard error."""
    values = values.double()
    error = values.std().item() / len(values) ** 0.5 if len(values) > 1 else None
    return Measurement(result, values.mean().item(), standard_error=error, source=source, examples=examples, note=note)
