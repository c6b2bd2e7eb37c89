"""The loss and its terms of each step of an epoch, kept on the device where they were computed until they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from zoo.training.step import StepLosses
from zoo.utils.distributed import ProcessGroup


class StepTerms:
    """A row of numbers for each step: the model's loss, its terms, then the loss of each adversary.

    Reading a number from an accelerator waits for it, and a sum over processes waits for all of them: both are done
    for many steps at a time.

    Attributes:
        names: the columns of the model; those of its adversaries follow.
    """

    def __init__(
        self, group: ProcessGroup, device: torch.device, steps: int, every: Mapping[str, int] | None = None
    ) -> None:
        """Keep a table of the steps of an epoch.

        Args:
            every: the adversaries, each with how many steps lie between two of its turns.
        """
        self.names: list[str] = []
        self._every = dict(every or {})
        self._group, self._device, self._steps = group, device, steps
        # One table for an epoch: a tensor for each step would fragment the memory.
        self._table: Tensor | None = None
        self._count = self._summed = 0

    def add(self, losses: StepLosses, weight: float) -> None:
        """Add the row of a step; ``weight`` is the share of the batch that this process has."""
        row = torch.stack([losses.total, *losses.terms.values(), *self._of_adversaries(losses)]).float()
        if not self.names:
            self.names = ["loss", *losses.terms]
        if self._table is None:
            self._table = torch.zeros(self._steps, len(row), device=self._device)
        if self._group.count > 1:
            # A process without an example of the batch computes on a placeholder of weight zero.
            row = row * weight if weight else torch.zeros_like(row)
        self._table[self._count] = row
        self._count += 1

    def _of_adversaries(self, losses: StepLosses) -> list[Tensor]:
        # Where it was not an adversary's turn, its column holds 0, which is left out of its mean.
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
        """Return the means over the examples of the epoch: of the model's terms, and of the adversaries' losses.

        An adversary that had no turn in the epoch is left out.

        Args:
            first_step: number of the epoch's first step, from 0.
            sizes: (steps,) examples of each step.
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
            is_sum: whether a term is the sum of others, which are to blame rather than it.
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
        """Take over the rows of a saved state, or none, for a new epoch."""
        self._count = self._summed = len(rows)
        if len(rows):
            self._table = torch.zeros(self._steps, rows.shape[1], device=self._device)
            self._table[: len(rows)] = rows.to(self._device)
