"""Training steps: the model's turn on a batch, then the turn of each adversary that is due."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor

from zoo.data import Batch, Split
from zoo.errors import ComponentError, RecipeError
from zoo.spec.training import FullTrainSpec
from zoo.training.capture import CapturedStep
from zoo.training.devices import mixed_precision
from zoo.training.ema import WeightAverage
from zoo.training.optimizers import can_capture
from zoo.training.trainable import Trainable
from zoo.training.turn import Turn, freeze_others, make_turns
from zoo.utils.distributed import ProcessGroup


class StepLosses(NamedTuple):
    """The losses of a step, without gradients.

    Attributes:
        total: the model's loss, a scalar.
        terms: the terms of the model's loss.
        adversaries: the loss of each adversary that was trained in this step.
    """

    total: Tensor
    terms: dict[str, Tensor]
    adversaries: dict[str, Tensor]


class Stepper:
    """Makes training steps, eager, compiled or captured, on this process's share of each batch.

    Attributes:
        turns: the model's turn, then those of its adversaries.
        average: the moving average of the model's weights, or None.
    """

    def __init__(
        self, model: Trainable, split: Split, spec: FullTrainSpec, accelerator: Accelerator, group: ProcessGroup
    ) -> None:
        check_step(spec, split, accelerator.device, group)
        self.split, self.spec, self.group, self.device = split, spec, group, accelerator.device
        self._takes_labels = model.classes is not None
        self._precision = mixed_precision(accelerator)
        self._frozen = freeze_others(model)
        self.turns = make_turns(model, spec, group, self._frozen)
        self.average = WeightAverage(model.training_parameters(), spec.ema) if spec.ema is not None else None
        self._captured: dict[tuple[str, ...], CapturedStep[StepLosses]] = {}

    def batches(self, order: Tensor) -> Iterable[Batch | Tensor]:
        """Return the inputs of :meth:`step`: this process's share of each batch of examples in the order (M,).

        For captured steps these are indices, because the examples are selected inside the step.
        """
        size = self.spec.batch_size
        own, size = self.group.part(order, size), size // self.group.count
        if self.spec.step == "captured":
            return own.to(self.device).split(size)
        return self.split.batches(size, order=own, device=self.device)

    def step(self, batch: Batch | Tensor, share: float, number: int) -> StepLosses:
        """Make a step, and return the losses before it.

        Args:
            share: this process's share of the whole batch, between 0 and 1.
            number: number of the step, from 0.
        """
        due = [turn for turn in self.turns if turn.is_due(number)]
        losses = self._replay(batch, due) if isinstance(batch, Tensor) else self._take_turns(batch, share, due)
        if self.average is not None:
            self.average.update(number + 1)
        return losses

    def release(self) -> None:
        """Make the frozen parameters require gradients again, after training."""
        for parameter in self._frozen:
            parameter.requires_grad = True

    def _replay(self, indices: Tensor, due: list[Turn]) -> StepLosses:
        """Make a captured step; there is one graph for each combination of turns."""
        key = tuple(turn.name for turn in due)
        if key not in self._captured:
            self._captured[key] = CapturedStep(
                lambda chosen: self._take_turns(self.split.take(chosen), 1.0, due), self.spec.batch_size, self.device
            )
        return self._captured[key](indices)

    def _take_turns(self, batch: Batch, share: float, due: list[Turn]) -> StepLosses:
        """Update the model, then the adversaries that are due, on what the model has computed."""
        # Gradients are averaged over processes with equal weights; the factor makes up for unequal shares.
        weight = share * self.group.count
        is_whole = len(batch.x) * self.group.count == self.spec.batch_size
        labels = batch.labels if self._takes_labels else None
        inputs = (batch.x, labels) if batch.mask is None else (batch.x, labels, batch.mask)
        model, *adversaries = due
        with self._precision():
            loss = model.loss(*inputs, whole=is_whole)
        model.descend(loss.total if weight == 1 else loss.total * weight)
        adversary_losses: dict[str, Tensor] = {}
        for turn in adversaries:
            evidence = tuple(each.detach() for each in _evidence(loss.evidence, turn.name))
            turn.require_gradients(True)
            for _ in range(turn.steps):
                with self._precision():
                    adversary_loss = turn.loss(*evidence, whole=is_whole)
                turn.descend(adversary_loss if weight == 1 else adversary_loss * weight)
            turn.require_gradients(False)
            adversary_losses[turn.name] = adversary_loss.detach()
        # Detached, because the autograd graph would otherwise outlive the step; an objective of the user's own may have
        # forgotten it.
        terms = {name: term.detach() if term.requires_grad else term for name, term in loss.terms.items()}
        return StepLosses(loss.total.detach(), terms, adversary_losses)


def _evidence(evidence: dict[str, tuple[Tensor, ...]], key: str) -> tuple[Tensor, ...]:
    if key not in evidence:
        raise ComponentError(
            f"expected the loss to include evidence for the adversary {key!r}, got {sorted(evidence) or 'none'}",
            where=f"model.regularisers.{key}",
            remedy="Return it from `evidence` of the regulariser, or in `StepLoss.evidence` of the objective.",
        )
    return evidence[key]


def check_step(spec: FullTrainSpec, split: Split, device: torch.device, group: ProcessGroup) -> None:
    """Check that steps of the kind that the recipe asks for are possible.

    Raises:
        RecipeError: the batch cannot be divided among the processes, or a step cannot be captured.
    """
    count, size = group.count, spec.batch_size
    if size % count:
        raise RecipeError(
            f"a batch of {size} examples cannot be divided evenly among {count} processes",
            where="train.batch_size",
            remedy=f"`batch_size` is the number of examples of all processes together: use "
            f"{-(-size // count) * count}, or another multiple of {count}.",
        )
    reasons = {
        f"a step can be captured on CUDA only, not on {device.type}": device.type != "cuda",
        "a step that several processes share cannot be captured": count > 1,
        "data that are read from disk cannot be part of a captured step": not split.in_memory,
        "pixels that are drawn on the CPU cannot be part of a captured step": split.draws,
    }
    for optimizer in (spec.optimizer, *(turn.optimizer for turn in spec.turns.values())):
        reasons[f"steps of the optimizer {optimizer.name!r} cannot be captured"] = not can_capture(optimizer.name)
    for reason, applies in reasons.items():
        if spec.step == "captured" and applies:
            raise RecipeError(reason, where="train.step", remedy="Use `step: eager` or `step: compiled`.")
