"""Figures: a model, data and the record of a run become a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure as Picture

from zoo.data import Split
from zoo.model import Model


@dataclass(frozen=True)
class Subject:
    """What a figure may show.

    Attributes:
        model: in evaluation mode.
        split: the data to show, usually the test split.
        history: the record of each epoch, as in ``metrics.jsonl``; empty for a model without a run.
    """

    model: Model
    split: Split
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def shows_images(self) -> bool:
        """Whether an example is an image with one or three channels."""
        shape = self.model.data_shape
        return len(shape) == 3 and shape[0] in (1, 3)


class Figure(ABC):
    """Draws one picture of a subject."""

    def unfit(self, subject: Subject) -> str | None:
        """Return why this figure cannot show a subject, or None if it can."""
        return None

    @abstractmethod
    def draw(self, subject: Subject) -> Picture:
        """Return the picture."""
