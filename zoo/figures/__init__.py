"""Figures: drawings of a model, its data and the record of its run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from matplotlib.figure import Figure as MatplotlibFigure

from zoo.evaluation.context import EvaluationContext

__all__ = ["EvaluationContext", "Figure", "MatplotlibFigure"]


class Figure(ABC):
    """Draws one figure of a model and its data.

    Attributes:
        title: its heading in a report; its name as words if not given.
    """

    title: ClassVar[str] = ""

    def check(self, context: EvaluationContext) -> None:  # noqa: B027 - by default it applies to everything
        """Check that the figure applies to a model and its data.

        Raises:
            NotApplicableError: it does not; the message completes "does not apply: …".
        """

    @abstractmethod
    def draw(self, context: EvaluationContext) -> MatplotlibFigure:
        """Return the figure as matplotlib has it."""
