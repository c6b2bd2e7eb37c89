"""One step after another: the loss of a batch, its gradient, and what the optimiser makes of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from zoo.data import Batch, Split
from zoo.errors import RecipeError, TrainingError
from zoo.model import Model
from zoo.objectives import Loss
from zoo.spec.training import TrainSpec
from zoo.training.capture import CapturedStep
from zoo.training.devices import mixed_precision
from zoo.training.ema import WeightAverage
from zoo.training.fused import FusedSteps
from zoo.training.optimizers import can_capture, make_optimizer
from zoo.utils.distributed import ProcessGroup


class Stepper:
    """Makes the steps of one training: eagerly, compiled, or captured, on this process's share of each batch.

    Attributes:
        optimizer: with its state.
        average: the moving average of the weights, or None.
    """

    def __init__(
        self, model: Model, split: Split, spec: TrainSpec, accelerator: Accelerator, processes: ProcessGroup
    ) -> None:
        self.model, self.split, self.spec = model, split, spec
        self.processes, self.device = processes, accelerator.device
        self._precision = mixed_precision(accelerator)
        is_captured = spec.step == "captured"
        check_step(spec, split, self.device, processes)
        self._parameters = [*model.parameters()]
        self._replica = self._replicate()
        self._network = torch.compile(self._replica) if spec.step == "compiled" else self._replica
        self.optimizer = make_optimizer(spec.optimizer, model.parameters(), self.device, captured=is_captured)
        self._update = FusedSteps(self.optimizer)
        self._base_rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.average = WeightAverage(model, spec.ema) if spec.ema is not None else None
        self._captured: CapturedStep | None = None
        if is_captured:
            self._captured = CapturedStep(
                lambda chosen: self._descend(split.take(chosen)), spec.batch_size, self.device
            )

    @property
    def learning_rate(self) -> float:
        """That of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set_learning_rate(self, factor: float) -> None:
        """Let the next step have this multiple of the optimiser's own rate."""
        for group, base in zip(self.optimizer.param_groups, self._base_rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(base * factor)
            else:
                group["lr"] = base * factor

    def batches(self, order: Tensor) -> Iterable[Batch | Tensor]:
        """Return what :meth:`step` takes: this process's shares of the batches of an order (M,), one after the other.

        Of captured steps, they are the numbers of the examples, which are looked up inside the step.
        """
        size = self.spec.batch_size
        own, size = self.processes.part(order, size), size // self.processes.count
        if self._captured is not None:
            return own.to(self.device).split(size)
        return self.split.batches(size, order=own, device=self.device)

    def step(self, batch: Batch | Tensor, share: float, number: int) -> Loss:
        """Make a step and return the loss before it.

        Args:
            share: how much of the whole batch this process has.
            number: of the step, from 1.
        """
        if isinstance(batch, Tensor):
            assert self._captured is not None
            loss = self._captured(batch)
        else:
            loss = self._descend(batch, share)
        if self.average is not None:
            self.average.update(number)
        return loss

    def _descend(self, batch: Batch, share: float = 1.0) -> Loss:
        count = self.processes.count
        # What is compiled for a whole batch would be compiled once more for the short one at the end of an epoch.
        network = self._network if len(batch.x) * count == self.spec.batch_size else self._replica
        try:
            with self._precision:
                loss: Loss = network(batch.x, batch.labels if self.model.classes else None)
        except Exception as error:
            # Importing the compiler's own errors would take a second of everybody's time.
            if type(error).__module__.partition(".")[2].startswith(("_dynamo", "_inductor")):
                remedy = "Use `step: eager`; on a CPU, install a C++ compiler."
                problem = f"the model cannot be compiled here: {' '.join(str(error).split(maxsplit=40)[:40])}"
                raise TrainingError(problem, where="train.step", remedy=remedy) from error
            raise
        # What the optimiser's own method does, without its ceremony.
        for parameter in self._parameters:
            parameter.grad = None
        # The gradients of several processes are averaged as if all shares were equal.
        (loss.total if count == 1 else loss.total * (share * count)).backward()
        if self.spec.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.spec.clip_norm)
        self._update()
        # Without its graph, whose nodes would outlive the step.
        return Loss(loss.total.detach(), loss.terms)

    def _replicate(self) -> torch.nn.Module:
        """Return what computes the loss: the model, or one that averages its gradients over the processes."""
        if self.processes.count == 1:
            return self.model
        return DistributedDataParallel(self.model, device_ids=[self.device] if self.device.type == "cuda" else None)


def check_step(spec: TrainSpec, split: Split, device: torch.device, processes: ProcessGroup) -> None:
    """Refuse steps that cannot be made as a recipe wants them.

    Raises:
        RecipeError: the batch cannot be shared by the processes, or a step cannot be captured.
    """
    count, size = processes.count, spec.batch_size
    if size % count:
        raise RecipeError(
            f"a batch of {size} examples cannot be shared evenly by {count} processes",
            where="train.batch_size",
            remedy=f"The batch is that of all processes together: take {-(-size // count) * count}, or another "
            f"multiple of {count}.",
        )
    reasons = {
        f"a step is captured on CUDA alone, and this is {device.type}": device.type != "cuda",
        "a step that several processes share cannot be captured": count > 1,
        "data that are read from disk cannot be part of a captured step": not split.in_memory,
        "pixels that are drawn on the CPU cannot be part of a captured step": split.draws,
        f"steps of the optimizer {spec.optimizer.name!r} cannot be captured": not can_capture(spec.optimizer.name),
    }
    for reason, holds in reasons.items():
        if spec.step == "captured" and holds:
            raise RecipeError(reason, where="train.step", remedy="Use `step: eager` or `step: compiled`.")
