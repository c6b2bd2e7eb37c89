"""Figures: a model, data and the record of a run become a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod

from matplotlib.figure import Figure as MatplotlibFigure

from zoo.evaluation.context import EvaluationContext

__all__ = ["EvaluationContext", "Figure", "MatplotlibFigure"]


class Figure(ABC):
    """Draws one picture of a context."""

    def unfit(self, context: EvaluationContext) -> str | None:
        """Return why this figure cannot show a context, or None if it can."""
        return None

    @abstractmethod
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the picture."""
