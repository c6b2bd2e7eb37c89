"""A finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.model import Model
from zoo.report.inline import run_card
from zoo.spec.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: the run directory.
        recipe: the recipe with every default.
        model: the best model, in evaluation mode, on the CPU.
        metrics: the record of each epoch.
        evaluation: the content of ``evaluation.json``.
        figures: the files of the figures.
        rank: the rank of this process; the process of rank 0 has written the files.
    """

    path: Path
    recipe: Recipe
    model: Model
    metrics: list[dict[str, Any]]
    evaluation: dict[str, Any]
    figures: list[Path]
    rank: int = 0

    def __repr__(self) -> str:
        """Return one line: the directory, the number of epochs and the first metrics."""
        metrics = ", ".join(f"{key} {value:.4g}" for key, value in self._numbers()[:3])
        epochs = f"{len(self.metrics)} epoch{'s' if len(self.metrics) != 1 else ''}"
        return f"Run({str(self.path)!r}: {epochs}{', ' if metrics else ''}{metrics})"

    def _repr_html_(self) -> str:
        """Return a card with the metrics and figures, which notebooks show."""
        return run_card(self.path, self.recipe, self.model, self.metrics, self.evaluation, self.figures)

    def _numbers(self) -> list[tuple[str, float]]:
        metrics = self.evaluation.get("metrics", {})
        return [(key, value) for key, value in metrics.items() if isinstance(value, (int, float))]
