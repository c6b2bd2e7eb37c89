"""A callback that ends training once a term is small enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo.callbacks import Callback, Training


@zoo.register("callback", "stop_at")
class StopAt(Callback):
    """End training after the first epoch whose validation loss has been below a value for a number of epochs.

    Args:
        term: of the loss.
        below: the value.
        epochs: how many epochs in a row.
    """

    def __init__(self, *, term: str = "loss", below: float, epochs: int = 1) -> None:
        self.term, self.below, self.epochs = term, below, epochs
        self.reached = 0

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Count the epoch, and stop training if there were enough."""
        is_below = record.get("validation", record["train"])[self.term] < self.below
        self.reached = self.reached + 1 if is_below else 0
        if self.reached >= self.epochs:
            training.stop()
        return {"epochs_below": self.reached}

    def state(self) -> Mapping[str, Tensor]:
        """Return the count, which a resumed run needs."""
        return {"reached": torch.tensor(self.reached)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take the count back."""
        self.reached = int(state["reached"])
