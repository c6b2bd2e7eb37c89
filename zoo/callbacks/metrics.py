"""Metrics measured while training runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from zoo.callbacks import Callback, Training
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, measure
from zoo.registry import register
from zoo.spec.component import ComponentSpec

Metrics = Annotated[tuple[str | ComponentSpec, ...], Field(strict=False, min_length=1)]


@register("callback", "metrics")
class MeasureMetrics(Callback):
    """Measure metrics every few epochs, into ``metrics.jsonl`` and the experiment trackers.

    Choose it to see how a metric develops, such as the number of active units while the weight of the KL term rises.

    Args:
        metrics: names of metrics, or mappings with options.
        every: epochs from one measurement to the next.
        split: the data to measure on; the training data where there is no validation split.

    Example:
        >>> import tempfile, zoo
        >>> callbacks = {"units": {"name": "metrics", "metrics": ["active_units"]}}
        >>> recipe = {"name": "demo", "model": "vae-mlp-2d", "data": "digits", "train": {"callbacks": callbacks}}
        >>> short = ["train.epochs=1", "evaluate={metrics: [mse], figures: []}"]
        >>> run = zoo.train(recipe, out=tempfile.mkdtemp(), overrides=short)
        >>> "active_units" in run.metrics[0]
        True
    """

    def __init__(
        self,
        *,
        metrics: Metrics = ("active_units",),
        every: PositiveInt = 1,
        split: Literal["train", "validation"] = "validation",
    ) -> None:
        self.metrics, self.every, self.split = metrics, every, split

    def on_start(self, training: Training) -> None:
        """Refuse metrics that do not fit the model, before any step."""
        self._split: Literal["train", "validation"] = self.split if training.data.validation else "train"
        self._context = evaluation_context(training.model, training.data, self._split)
        self._chosen = choose_metrics(self._context, self.metrics)

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the metrics by name, where they are due."""
        if training.epoch % self.every:
            return None
        return measure(self._context, self._chosen, training.seed)
