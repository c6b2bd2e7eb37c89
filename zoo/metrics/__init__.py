"""Metrics: a model and data become named figures, in nats where they are log-densities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from zoo.data import DataInfo, Split
from zoo.model import Model


class Metric(ABC):
    """Measures a model on a split of data."""

    def unfit(self, model: Model) -> str | None:
        """Return why this metric does not apply to a model, or None if it does."""
        return None

    def unfit_data(self, info: DataInfo) -> str | None:
        """Return why this metric cannot be measured on data, or None if it can."""
        return None

    @abstractmethod
    def measure(self, model: Model, split: Split) -> dict[str, Any]:
        """Return named figures: numbers, or lists of numbers."""


def labels_for(model: Model, labels: Any) -> Any:
    """Return the labels if the model is conditioned on them, else None."""
    return labels if model.classes else None


def mean_with_error(name: str, values: Any) -> dict[str, float]:
    """Return the mean of per-example figures (N,) and the standard error of that mean."""
    values = values.double()
    error = values.std().item() / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return {name: values.mean().item(), f"{name}_standard_error": error}
