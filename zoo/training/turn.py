"""Turns: an optimiser with the parameters that it moves, of the model or of one of its adversaries."""

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
    """One optimiser, the module whose loss it minimises, and how often it moves.

    The parameters of an adversary require gradients in its own turn alone, so that the model's loss does not move it.
    Those that require none when training begins are in no turn.

    Attributes:
        name: :data:`MODEL`, or the key of the adversary.
        optimizer: with its state.
        steps: optimiser steps in one turn.
        every: steps of the model from one turn to the next.
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
        """That of the last step."""
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
        """Whether the turn comes in the step of the model with this number from 0."""
        return step % self.every == 0

    def loss(self, *inputs: Tensor | None, whole: bool) -> Any:
        """Return what the module computes.

        Args:
            whole: the batch has its full size. What is compiled for a whole batch would be compiled once more for the
                short one at the end of an epoch, which is computed eagerly instead.

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
        # What `zero_grad` of the optimiser does, without its profiling.
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        self._replicas.average_gradients()
        if self._spec.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._spec.clip_norm)
        self._update()

    def require_gradients(self, required: bool) -> None:
        """Switch the gradients of all parameters on or off."""
        for parameter in self._parameters:
            parameter.requires_grad = required


def switch_off_others(model: Trainable) -> list[nn.Parameter]:
    """Switch off the gradients of all parameters that the model's loss does not train, and return them."""
    own = {id(parameter) for parameter in model.training_parameters().values()}
    others = [p for p in model.parameters() if id(p) not in own and p.requires_grad]
    for parameter in others:
        parameter.requires_grad = False
    return others


def make_turns(
    model: Trainable, spec: TrainSpec, group: ProcessGroup, switched_off: Iterable[nn.Parameter]
) -> list[Turn]:
    """Return the model's turn and then those of its adversaries.

    Args:
        switched_off: what :func:`switch_off_others` returned: of an adversary's parameters, those that are trained.

    Raises:
        RecipeError: an adversary has no parameter to train.
    """
    trained = {id(parameter) for parameter in switched_off}
    own = TurnSpec(optimizer=spec.optimizer, schedule=spec.schedule, clip_norm=spec.clip_norm)
    parameters, adversaries = model.training_parameters(), model.adversaries()
    turns = [Turn(MODEL, model, parameters, own, spec.schedule, group, step=spec.step, options=spec.groups)]
    for key, turn_spec in complete_turns(spec, model).items():
        adversary, schedule = adversaries[key], turn_spec.schedule or spec.schedule
        parameters = {name: p for name, p in adversary.named_parameters() if id(p) in trained}
        if not parameters:
            raise RecipeError(
                "the adversary has no parameter that requires gradients, so there is nothing to train",
                where=f"train.turns.{key}",
                remedy="Let some parameter require gradients, or do not make the module an `Adversary`.",
            )
        turns.append(Turn(key, adversary, parameters, turn_spec, schedule, group, step=spec.step))
    return turns


def complete_training(spec: TrainSpec, model: Trainable, where: str = "train") -> TrainSpec:
    """Return the spec with every option of every optimiser, and with a turn for each adversary of the model.

    Raises:
        RecipeError: a turn or a group of parameters is named that the model does not have, or its steps cannot be
            compiled.
        ComponentError: an optimiser or one of its options is unknown or wrong.
    """
    twice = model.with_second_derivatives()
    if spec.step == "compiled" and twice:
        raise RecipeError(
            f"`model.{twice[0]}` takes second derivatives, which torch.compile does not support",
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
    """Return how each adversary of the model is trained.

    Raises:
        RecipeError: a turn is named for an adversary that the model does not have.
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
