"""The loss and its terms of each step of an epoch, kept where they were computed until somebody looks."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.objectives import Loss
from zoo.processes import Processes

_TOGETHER = 64
"""Steps whose rows are written at a time."""


class StepTerms:
    """A row of numbers for each step: the loss, then its terms.

    Reading a number from an accelerator waits for it, a sum over processes waits for all of them, and to write a row
    costs as much as a small layer: each is done for many steps at a time.

    Attributes:
        names: what the columns are.
    """

    def __init__(self, processes: Processes, device: torch.device, steps: int) -> None:
        self.names: list[str] = []
        self._processes, self._device, self._steps = processes, device, steps
        # One table for an epoch: a tensor for each step would leave the memory in pieces.
        self._table: Tensor | None = None
        self._count = self._summed = 0
        self._unwritten: list[tuple[float, Tensor]] = []

    def add(self, loss: Loss, weight: float) -> None:
        """Add the row of a step, in whose batch this process has a share of ``weight``."""
        if not self.names:
            self.names = ["loss", *loss.terms]
        # A copy: a term may be a tensor that the objective changes in place, such as a weight that warms up.
        self._unwritten.append((weight, row_of(loss)))
        if len(self._unwritten) == _TOGETHER:
            self._write()

    def last(self, count: int) -> Tensor:
        """Return the rows of the last steps, (count, terms)."""
        return self.all()[-count:]

    def all(self) -> Tensor:
        """Return all rows, (steps, terms)."""
        self._write()
        if self._table is None:
            return torch.zeros(0)
        if self._processes.count > 1 and self._summed < self._count:
            own = self._table[self._summed : self._count]
            own.copy_(self._processes.sum(own))
            self._summed = self._count
        return self._table[: self._count].cpu()

    def replace(self, rows: Tensor) -> None:
        """Take over the rows of a snapshot, or none, for a new epoch."""
        self._count = self._summed = 0
        self._unwritten.clear()
        if len(rows):
            self._append(rows.to(self._device))
            self._summed = len(rows)

    def _write(self) -> None:
        if not self._unwritten:
            return
        weights, unweighted = zip(*self._unwritten, strict=True)
        self._unwritten.clear()
        rows = torch.stack(unweighted)
        if self._processes.count > 1:
            share = torch.tensor(weights, device=self._device).unsqueeze(-1)
            # Of an example that is there for its company alone, nothing counts, be it infinite.
            rows = torch.where(share > 0, rows * share, 0.0)
        self._append(rows)

    def _append(self, rows: Tensor) -> None:
        if self._table is None:
            self._table = torch.zeros(self._steps, rows.shape[1], device=self._device)
        self._table[self._count : self._count + len(rows)] = rows
        self._count += len(rows)


def row_of(loss: Loss) -> Tensor:
    """Return the loss and its terms as one row, without gradient, on their device."""
    return torch.stack([loss.total.detach(), *loss.terms.values()]).float()
