"""The loss and its terms of each step of an epoch, kept where they were computed until somebody looks."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.objectives import Loss
from zoo.processes import Processes


class StepTerms:
    """A row of numbers for each step: the loss, then its terms.

    Reading a number from an accelerator waits for it, and a sum over processes waits for all of them: both are done
    for many steps at a time.

    Attributes:
        names: what the columns are.
    """

    def __init__(self, processes: Processes, device: torch.device) -> None:
        self.names: list[str] = []
        self._processes, self._device = processes, device
        self._whole: list[Tensor] = []
        self._own: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._whole) + len(self._own)

    def add(self, loss: Loss, weight: float) -> None:
        """Add the row of a step, in whose batch this process has a share of ``weight``."""
        self.names = ["loss", *loss.terms]
        row = row_of(loss)
        if self._processes.count == 1:
            self._whole.append(row)
        else:
            # Of an example that is there for its company alone, nothing counts, be it infinite.
            self._own.append(row * weight if weight else torch.zeros_like(row))

    def last(self, count: int) -> Tensor:
        """Return the rows of the last steps, (count, terms)."""
        self._add_up()
        return torch.stack(self._whole[-count:]).cpu()

    def all(self) -> Tensor:
        """Return all rows, (steps, terms)."""
        self._add_up()
        return torch.stack(self._whole).cpu() if self._whole else torch.zeros(0)

    def replace(self, rows: Tensor) -> None:
        """Take over the rows of a snapshot, or none, for a new epoch."""
        self._whole, self._own = list(rows.to(self._device)), []

    def _add_up(self) -> None:
        if self._own:
            self._whole += list(self._processes.sum(torch.stack(self._own)))
            self._own = []


def row_of(loss: Loss) -> Tensor:
    """Return the loss and its terms as one row, without gradient, on their device."""
    return torch.stack([loss.total.detach(), *loss.terms.values()]).float()
