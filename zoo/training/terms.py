"""The loss and its terms of each step of an epoch, kept where they were computed until somebody looks."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.objectives import Loss
from zoo.utils.distributed import ProcessGroup


class StepTerms:
    """A row of numbers for each step: the loss, then its terms.

    Reading a number from an accelerator waits for it, and a sum over processes waits for all of them: both are done
    for many steps at a time.

    Attributes:
        names: what the columns are.
    """

    def __init__(self, processes: ProcessGroup, device: torch.device, steps: int) -> None:
        self.names: list[str] = []
        self._processes, self._device, self._steps = processes, device, steps
        # One table for an epoch: a tensor for each step would leave the memory in pieces.
        self._table: Tensor | None = None
        self._count = self._summed = 0

    def add(self, loss: Loss, weight: float) -> None:
        """Add the row of a step, in whose batch this process has a share of ``weight``."""
        row = row_of(loss)
        if not self.names:
            self.names = ["loss", *loss.terms]
        if self._table is None:
            self._table = torch.zeros(self._steps, len(row), device=self._device)
        if self._processes.count > 1:
            # Of an example that is there for its company alone, nothing counts, be it infinite.
            row = row * weight if weight else torch.zeros_like(row)
        self._table[self._count] = row
        self._count += 1

    def last(self, count: int) -> Tensor:
        """Return the rows of the last steps, (count, terms)."""
        return self.all()[-count:]

    def all(self) -> Tensor:
        """Return all rows, (steps, terms)."""
        if self._table is None:
            return torch.zeros(0)
        if self._processes.count > 1 and self._summed < self._count:
            own = self._table[self._summed : self._count]
            own.copy_(self._processes.sum(own))
            self._summed = self._count
        return self._table[: self._count].cpu()

    def replace(self, rows: Tensor) -> None:
        """Take over the rows of a snapshot, or none, for a new epoch."""
        self._count = self._summed = len(rows)
        if len(rows):
            self._table = torch.zeros(self._steps, rows.shape[1], device=self._device)
            self._table[: len(rows)] = rows.to(self._device)


def row_of(loss: Loss) -> Tensor:
    """Return the loss and its terms as one row, without gradient, on their device."""
    return torch.stack([loss.total.detach(), *loss.terms.values()]).float()
