"""Turns: an optimiser and the parameters that it updates, of the model or of one of its adversaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import RecipeError, TrainingError, unknown_name
from zoo.spec.training import ScheduleSpec, TrainSpec, TurnSpec
from zoo.training.fused import FusedSteps
from zoo.training.optimizers import check_optimizer, make_optimizer, parameter_groups
from zoo.training.replicas import Replicas
from zoo.training.schedules import learning_rate_factor
from zoo.training.trainable import Trainable
from zoo.utils.distributed import ProcessGroup

MODEL = "model"
"""Name of the model's own turn."""


class Turn:
    """One optimiser, the module whose loss it minimises, and how often it is used.

    The parameters of an adversary require gradients only in its own turn, so that the model's loss does not change
    them. Parameters that require no gradients when training starts are in no turn.

    Attributes:
        name: :data:`MODEL`, or the key of the adversary.
        optimizer: the optimiser with its state.
        steps: number of optimiser steps in one turn.
        every: number of the model's steps from one turn to the next.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        parameters: Mapping[str, nn.Parameter],
        spec: TurnSpec,
        schedule: ScheduleSpec,
        group: ProcessGroup,
        *,
        step: str = "eager",
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.name, self.steps, self.every = name, spec.steps, spec.every
        self._spec, self._schedule = spec, schedule
        self._parameters = [*parameters.values()]
        self._module, self._replicas = module, Replicas(module, parameters, group)
        self._compiled: Any = torch.compile(module) if step == "compiled" else module
        self.optimizer = make_optimizer(
            spec.optimizer,
            parameter_groups(parameters, options or {}, spec.optimizer),
            group.device,
            captured=step == "captured",
        )
        self._update = FusedSteps(self.optimizer)
        self._base_rates = [float(group["lr"]) for group in self.optimizer.param_groups]

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set_learning_rate(self, step: int, total_steps: int, steps_per_epoch: int) -> None:
        """Set the learning rate of a step, numbered from 0."""
        factor = learning_rate_factor(self._schedule, step, total_steps, steps_per_epoch)
        for group, base in zip(self.optimizer.param_groups, self._base_rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(base * factor)
            else:
                group["lr"] = base * factor

    def is_due(self, step: int) -> bool:
        """Whether the turn is part of this step of the model, numbered from 0."""
        return step % self.every == 0

    def loss(self, *inputs: Tensor | None, whole: bool) -> Any:
        """Return the module's output.

        Args:
            whole: whether the batch has its full size. A shorter batch, at the end of an epoch, is computed eagerly,
                because the module would be compiled again for its size.

        Raises:
            TrainingError: the module cannot be compiled.
        """
        self._replicas.copy_buffers()
        try:
            return self._compiled(*inputs) if whole else self._module(*inputs)
        except Exception as error:
            # Importing the compiler's errors would take a second.
            if not type(error).__module__.partition(".")[2].startswith(("_dynamo", "_inductor")):
                raise
            raise TrainingError(
                f"the {self.name} cannot be compiled here: {' '.join(str(error).split(maxsplit=40)[:40])}",
                where="train.step",
                remedy="Use `step: eager`; on a CPU, install a C++ compiler.",
            ) from error

    def descend(self, loss: Tensor) -> None:
        """Make an optimiser step down the gradient of a scalar."""
        # As `optimizer.zero_grad()`, without its profiling.
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        self._replicas.average_gradients()
        if self._spec.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._spec.clip_norm)
        self._update()

    def require_gradients(self, required: bool) -> None:
        """Make all parameters require gradients, or not."""
        for parameter in self._parameters:
            parameter.requires_grad = required


def freeze_others(model: Trainable) -> list[nn.Parameter]:
    """Freeze all parameters that the model's loss does not train, such as those of adversaries, and return them."""
    own = {id(parameter) for parameter in model.training_parameters().values()}
    others = [p for p in model.parameters() if id(p) not in own and p.requires_grad]
    for parameter in others:
        parameter.requires_grad = False
    return others


def make_turns(model: Trainable, spec: TrainSpec, group: ProcessGroup, frozen: Iterable[nn.Parameter]) -> list[Turn]:
    """Return the model's turn, then those of its adversaries.

    Args:
        frozen: the parameters that :func:`freeze_others` froze; an adversary trains those of them that are its own.

    Raises:
        RecipeError: an adversary has no parameter to train.
    """
    trained = {id(parameter) for parameter in frozen}
    own = TurnSpec(optimizer=spec.optimizer, schedule=spec.schedule, clip_norm=spec.clip_norm)
    parameters, adversaries = model.training_parameters(), model.adversaries()
    turns = [Turn(MODEL, model, parameters, own, spec.schedule, group, step=spec.step, options=spec.groups)]
    for key, turn_spec in complete_turns(spec, model).items():
        adversary, schedule = adversaries[key], turn_spec.schedule or spec.schedule
        parameters = {name: p for name, p in adversary.named_parameters() if id(p) in trained}
        if not parameters:
            raise RecipeError(
                "expected parameters that require gradients, got an adversary without any",
                where=f"train.turns.{key}",
                remedy="Let some parameter require gradients, or do not make the module an `Adversary`.",
            )
        turns.append(Turn(key, adversary, parameters, turn_spec, schedule, group, step=spec.step))
    return turns


def complete_training(spec: TrainSpec, model: Trainable, where: str = "train") -> TrainSpec:
    """Return the spec with every option of every optimiser, and with a turn for each adversary of the model.

    Raises:
        RecipeError: `turns` or `groups` names an adversary or parameters that the model does not have, or the model
            cannot be compiled.
        ComponentError: an optimiser or one of its options is unknown or wrong.
    """
    second_order = model.with_second_derivatives()
    if spec.step == "compiled" and second_order:
        raise RecipeError(
            f"`model.{second_order[0]}` takes second derivatives, which torch.compile does not support",
            where=f"{where}.step",
            remedy="Use `step: eager`.",
        )
    optimizer = check_optimizer(spec.optimizer, f"{where}.optimizer")
    parameter_groups(model.training_parameters(), spec.groups, optimizer, f"{where}.groups")
    turns = {
        key: turn.model_copy(update={"optimizer": check_optimizer(turn.optimizer, f"{where}.turns.{key}.optimizer")})
        for key, turn in complete_turns(spec, model, where).items()
    }
    return spec.model_copy(update={"optimizer": optimizer, "turns": turns})


def complete_turns(spec: TrainSpec, model: Trainable, where: str = "train") -> dict[str, TurnSpec]:
    """Return the spec of the turn of each adversary of the model.

    Raises:
        RecipeError: `turns` names an adversary that the model does not have.
    """
    adversaries = model.adversaries()
    for key in spec.turns:
        if key not in adversaries:
            problem, remedy = unknown_name("adversary", key, adversaries)
            raise RecipeError(
                problem,
                where=f"{where}.turns.{key}",
                remedy=remedy if adversaries else "The model has no adversary: leave `turns` out.",
            )
    return {key: spec.turns.get(key, TurnSpec()) for key in adversaries}
