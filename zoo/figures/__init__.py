"""Figures: a model, data and the record of a run become a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod

from matplotlib.figure import Figure as Picture

from zoo.subject import Subject

__all__ = ["Figure", "Picture", "Subject"]


class Figure(ABC):
    """Draws one picture of a subject."""

    def unfit(self, subject: Subject) -> str | None:
        """Return why this figure cannot show a subject, or None if it can."""
        return None

    @abstractmethod
    def draw(self, subject: Subject) -> Picture:
        """Return the picture."""
