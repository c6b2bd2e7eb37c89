"""What metrics measure and figures show: a model with the data and the record that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.data import Batch, Split
from zoo.errors import DataError
from zoo.model import Model
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup


@dataclass(frozen=True)
class EvaluationContext:
    """A model, the data that it is looked at with, and what is known of how it came about.

    Attributes:
        model: in evaluation mode.
        split: the data to measure or show, usually the test split.
        history: the record of each epoch, as in ``metrics.jsonl``; empty for a model without a run.
        train: the data that the model was trained on, or None where they are not at hand.
        features: maps data (B, *data_shape) to features (B, F) in which samples are compared; None: those of a
            small classifier of the data.
        processes: who shares the work on figures that are means over examples.
    """

    model: Model
    split: Split
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    train: Split | None = None
    features: Callable[[Tensor], Tensor] | None = None
    processes: ProcessGroup = SINGLE_PROCESS

    @property
    def shows_images(self) -> bool:
        """Whether an example is an image with one or three channels."""
        shape = self.model.data_shape
        return len(shape) == 3 and shape[0] in (1, 3)

    def batches(self, batch_size: int, count: int | None = None) -> Iterator[Batch]:
        """Yield the examples of the split, or its first so many, on the model's device: those of this process."""
        own = self.processes.own(len(self.split) if count is None else count)
        return self.split.batches(batch_size, order=own, device=self.model.device)

    def collect(self, values: Sequence[Tensor]) -> Tensor:
        """Return figures of examples (N,) that were computed batch by batch in all processes, in no special order."""
        return self.processes.gather(torch.cat([each.cpu() for each in values]) if values else torch.zeros(0))

    def training_data(self, purpose: str) -> Split:
        """Return the training split.

        Args:
            purpose: what needs it, for the error.

        Raises:
            DataError: it is not available.
        """
        if self.train is None:
            raise DataError(
                f"{purpose} needs the training data, got a single split",
                where="data",
                remedy="Pass all of the data, such as `zoo.load_data(recipe.data)`.",
            )
        return self.train
