"""The loss and its terms in each step of an epoch, kept on the device until they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from zoo.errors import ComponentError
from zoo.training.step import StepLosses
from zoo.utils.distributed import ProcessGroup


class StepTerms:
    """A table with a row for each step: the model's loss, its terms, then the loss of each adversary.

    Reading a number makes the host wait for an accelerator, and a sum over processes makes them wait for each other, so
    both are done for many steps at a time.

    Attributes:
        names: names of the model's columns, which come before those of its adversaries.
    """

    def __init__(
        self, group: ProcessGroup, device: torch.device, steps: int, every: Mapping[str, int] | None = None
    ) -> None:
        """Create an empty table.

        Args:
            steps: the number of steps of an epoch.
            every: for each adversary, the number of steps from one of its turns to the next.
        """
        self.names: list[str] = []
        self._every = dict(every or {})
        self._group, self._device, self._steps = group, device, steps
        # One tensor for the whole epoch: a tensor for each step would fragment the memory.
        self._table: Tensor | None = None
        self._count = self._summed = 0

    def add(self, losses: StepLosses, weight: float) -> None:
        """Add the row of a step.

        Args:
            weight: this process's share of the batch.

        Raises:
            ComponentError: the loss has other terms than in the steps before.
        """
        columns = [losses.total, *losses.terms.values(), *self._of_adversaries(losses)]
        names = ["loss", *losses.terms]
        if not self.names:
            self.names = names
        if self._table is None:
            self._table = torch.zeros(self._steps, len(columns), device=self._device)
        if names != self.names or len(columns) != self._table.shape[1]:
            raise ComponentError(
                f"expected {self._table.shape[1]} numbers as in the steps before, first {', '.join(self.names)}, "
                f"got {len(columns)}, first {', '.join(names)}",
                where="the terms of the loss",
                remedy="Return the same terms in the same order in each training step, and 0 where one does not apply.",
            )
        row = self._table[self._count]
        torch.stack(columns, out=row)
        if self._group.count > 1:
            # A process without an example in this batch computes on a placeholder, which has the weight 0.
            _ = row.mul_(weight) if weight else row.zero_()
        self._count += 1

    def _of_adversaries(self, losses: StepLosses) -> list[Tensor]:
        # In steps without a turn of the adversary the column is 0; `means` leaves these steps out.
        return [losses.adversaries.get(key, losses.total.new_zeros(())) for key in self._every]

    def last(self, count: int) -> Tensor:
        """Return the rows of the last steps, (count, terms)."""
        return self.all()[-count:]

    def all(self) -> Tensor:
        """Return all rows, (steps, terms)."""
        if self._table is None:
            return torch.zeros(0)
        if self._group.count > 1 and self._summed < self._count:
            own = self._table[self._summed : self._count]
            own.copy_(self._group.sum(own))
            self._summed = self._count
        return self._table[: self._count].cpu()

    def means(self, first_step: int, sizes: Tensor) -> tuple[dict[str, float], dict[str, float]]:
        """Return the means of the model's terms, and of the adversaries' losses, over the examples of the epoch.

        An adversary without a turn in the epoch is left out.

        Args:
            first_step: number of the epoch's first step, from 0.
            sizes: (steps,) number of examples in each step.
        """
        rows = self.all().double()
        means = ((rows * sizes[:, None]).sum(0) / sizes.sum()).tolist()
        steps = first_step + torch.arange(len(rows))
        adversaries = {}
        for column, (key, every) in enumerate(self._every.items(), start=len(self.names)):
            examples = sizes * (steps % every == 0)
            if examples.any():
                adversaries[key] = ((rows[:, column] * examples).sum() / examples.sum()).item()
        return dict(zip(self.names, means, strict=False)), adversaries

    def first_not_finite(self, rows: Tensor, is_sum: Callable[[str], bool]) -> tuple[int, str, float] | None:
        """Return the index of the first row with a number that is not finite, the term to blame, and its value.

        Args:
            is_sum: whether a term is the sum of others; then one of those is to blame.
        """
        bad = (~rows.isfinite()).nonzero().tolist()
        if not bad:
            return None
        labels = [*self.names, *(f"{key}_adversary" for key in self._every)]
        row = bad[0][0]
        columns = [column for index, column in bad if index == row]
        culprit = next((column for column in columns if not is_sum(labels[column])), columns[0])
        return row, labels[culprit], rows[row, culprit].item()

    def replace(self, rows: Tensor) -> None:
        """Replace all rows: by those of a saved state, or by none at the start of an epoch."""
        self._count = self._summed = len(rows)
        if len(rows):
            self._table = torch.zeros(self._steps, rows.shape[1], device=self._device)
            self._table[: len(rows)] = rows.to(self._device)
