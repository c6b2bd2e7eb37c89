"""Metrics: a model and data become named figures, in nats where they are log-densities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from zoo.data import DataInfo
from zoo.evaluation.context import EvaluationContext
from zoo.model import Model

__all__ = ["EvaluationContext", "Metric", "labels_for", "mean_with_error"]


class Metric(ABC):
    """Measures a model on data.

    Attributes:
        by_default: whether it is measured when nobody names metrics; no for what is slow or needs a download.
    """

    by_default: ClassVar[bool] = True

    def unfit(self, model: Model) -> str | None:
        """Return why this metric does not apply to a model, or None if it does."""
        return None

    def unfit_data(self, info: DataInfo) -> str | None:
        """Return why this metric cannot be measured on data, or None if it can."""
        return None

    def lack(self, context: EvaluationContext) -> str | None:
        """Return what is lacking of the data: labels, enough examples, the training data; None if nothing is."""
        return None

    @abstractmethod
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return named figures: numbers, or lists of numbers."""


def labels_for(model: Model, labels: Any) -> Any:
    """Return the labels if the model is conditioned on them, else None."""
    return labels if model.classes else None


def mean_with_error(name: str, values: Any) -> dict[str, Any]:
    """Return the mean of per-example figures (N,) and the standard error of that mean."""
    values = values.double()
    error = values.std().item() / len(values) ** 0.5 if len(values) > 1 else None
    return {name: values.mean().item(), f"{name}_standard_error": error}
