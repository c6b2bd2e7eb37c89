"""The loss on validation data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor

from zoo.data import Split
from zoo.errors import RecipeError, unknown_name
from zoo.model import StepLoss
from zoo.spec.training import FullTrainSpec
from zoo.training.devices import mixed_precision
from zoo.training.trainable import Trainable
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import process_seed, seeded

_INITIAL_EXAMPLES = 64
"""Number of examples on which the loss is computed before training."""


class Validation:
    """Computes the loss of a model in evaluation mode; its noise is the same each time, whatever training draws."""

    def __init__(
        self, model: Trainable, spec: FullTrainSpec, seed: int, accelerator: Accelerator, group: ProcessGroup
    ) -> None:
        self.model, self.spec, self.seed, self.group = model, spec, seed, group
        self._device, self._precision = accelerator.device, mixed_precision(accelerator)

    def initial_value(self, split: Split) -> float:
        """Return the mean of the monitored term over a few examples, before the first step.

        Raises:
            RecipeError: the loss has no such term; the message names its terms.
        """
        ((loss, _),) = self._losses(split, torch.arange(min(_INITIAL_EXAMPLES, len(split))))
        terms = {"loss": loss.total, **loss.terms}
        if self.spec.monitor not in terms:
            problem, remedy = unknown_name("term", self.spec.monitor, terms)
            raise RecipeError(problem, where="train.monitor", remedy=remedy)
        return float(terms[self.spec.monitor])

    def means(self, split: Split, names: Sequence[str]) -> dict[str, float]:
        """Return the means of the loss and of its terms over a split, with these names."""
        group = self.group
        for buffer in self.model.buffers() if group.count > 1 else ():
            group.copy_from_first(buffer)  # running averages, which each process computes on its own share
        # With None, batches are slices of the stored examples, which need no indexing.
        losses = self._losses(split, group.own(len(split)) if group.count > 1 else None)
        sums = torch.zeros(len(names), dtype=torch.float64)
        if losses:
            rows = torch.stack([torch.stack([loss.total, *loss.terms.values()]).float() for loss, _ in losses])
            sums = (rows.cpu().double() * torch.tensor([size for _, size in losses])[:, None]).sum(0)
        return dict(zip(names, (group.sum(sums) / len(split)).tolist(), strict=True))

    @torch.no_grad()
    def _losses(self, split: Split, order: Tensor | None) -> list[tuple[StepLoss, int]]:
        """Return the loss of each batch of a split, and its number of examples."""
        self.model.eval()
        losses = []
        with seeded(process_seed(self.seed, self.group.rank)):
            for batch in split.batches(max(self.spec.batch_size, 512), order=order, device=self._device):
                with self._precision():
                    labels = batch.labels if self.model.classes else None
                    losses.append((self.model(batch.x, labels, batch.mask), len(batch.x)))
        return losses
