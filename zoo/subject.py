"""What metrics measure and figures show: a model with the data and the record that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from zoo.data import Split
from zoo.errors import DataError
from zoo.model import Model


@dataclass(frozen=True)
class Subject:
    """A model, the data that it is looked at with, and what is known of how it came about.

    Attributes:
        model: in evaluation mode.
        split: the data to measure or show, usually the test split.
        history: the record of each epoch, as in ``metrics.jsonl``; empty for a model without a run.
        train: the data that the model was trained on, or None where they are not at hand.
        features: maps data (B, *data_shape) to features (B, F) in which samples are compared; None: those of a
            small classifier of the data.
    """

    model: Model
    split: Split
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    train: Split | None = None
    features: Callable[[Tensor], Tensor] | None = None

    @property
    def shows_images(self) -> bool:
        """Whether an example is an image with one or three channels."""
        shape = self.model.data_shape
        return len(shape) == 3 and shape[0] in (1, 3)

    def training_data(self, purpose: str) -> Split:
        """Return the training split.

        Raises:
            DataError: it is not at hand; the message says what for it was needed.
        """
        if self.train is None:
            raise DataError(
                f"{purpose} needs the training data, a single split came",
                where="data",
                remedy="Pass all of the data, such as `zoo.load_data(recipe.data)`.",
            )
        return self.train
