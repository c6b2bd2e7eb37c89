"""The training of a model: optimiser, schedule, precision, length and callbacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from zoo.spec.component import ComponentSpec, StrictModel

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""A name in a recipe that is also used in the files of a run."""

_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS = 3000, 15, 200
_FEW, _BATCH_OF_FEW, _BATCH = 2000, 32, 128
_LENGTH = ("epochs", "batch_size", "checkpoint_every")
"""Fields that follow from the number of examples where they are null."""
_STATES = 20
"""Number of states that are saved in a run whose number of epochs is not set."""


class Duration(StrictModel):
    """A stretch of training: ``{epochs: 5}`` or ``{steps: 500}``.

    Example:
        >>> Duration(epochs=2).in_steps(steps_per_epoch=100)
        200
    """

    epochs: NonNegativeInt | None = Field(default=None, description="Length in passes over the training data.")
    steps: NonNegativeInt | None = Field(default=None, description="Length in optimiser steps.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Duration:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give exactly one of `epochs` and `steps`")
        return self

    def in_steps(self, steps_per_epoch: int) -> int:
        """Return the length in optimiser steps."""
        return self.steps if self.steps is not None else (self.epochs or 0) * steps_per_epoch


class ScheduleSpec(StrictModel):
    """The learning rate over the run, as a multiple of ``optimizer.lr``."""

    name: Literal["constant", "cosine", "one_cycle"] = Field(
        default="constant",
        description="constant; cosine: half a cosine down to `final`; one_cycle: a cosine up to lr, then down.",
    )
    warmup: Duration = Field(
        default=Duration(epochs=0), description="Linear rise from 0 before a constant or cosine schedule."
    )
    rise: float = Field(default=0.3, gt=0, lt=1, description="one_cycle: the share of the steps before the peak.")
    start: float = Field(default=0.04, ge=0, le=1, description="one_cycle: the first rate as a multiple of lr.")
    final: float = Field(default=0.0, ge=0, le=1, description="cosine, one_cycle: the last rate as a multiple of lr.")

    @model_validator(mode="before")
    @classmethod
    def _from_bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class EarlyStoppingSpec(StrictModel):
    """Stop when the monitored term has not improved for a while."""

    patience: PositiveInt = Field(description="Epochs without an improvement before training stops.")
    min_delta: float = Field(
        default=0.0, ge=0, description="The smallest change that counts as an improvement, in units of the term."
    )


class TurnSpec(StrictModel):
    """How an adversary is trained: in a turn after the model's step, on the outputs of that step."""

    optimizer: ComponentSpec = Field(
        default=ComponentSpec.model_validate({"name": "adam", "lr": 1e-4, "betas": [0.5, 0.9]}),
        description="An optimiser of torch.optim in lower case with its options.",
    )
    schedule: ScheduleSpec | None = Field(
        default=None, description="The learning rate over the run; null: as `train.schedule`."
    )
    steps: PositiveInt = Field(default=1, description="Optimiser steps of the adversary in each of its turns.")
    every: PositiveInt = Field(default=1, description="Steps of the model from one turn of the adversary to the next.")
    clip_norm: PositiveFloat | None = Field(
        default=None, description="Largest norm of the adversary's gradient; null: no clipping."
    )

    @model_validator(mode="before")
    @classmethod
    def _options_of_adam(cls, value: Any) -> Any:
        return _with_optimizer_name(value, {"lr": 1e-4, "betas": [0.5, 0.9]})


class TrainSpec(StrictModel):
    """Optimiser, schedule, precision and length of a training run."""

    epochs: PositiveInt | None = Field(
        default=None,
        description="Passes over the training data; null: enough for about 3,000 steps, between 15 and 200.",
    )
    batch_size: PositiveInt | None = Field(
        default=None,
        description="Examples in a step, over all processes; null: 128, or 32 for fewer than 2,000 training examples.",
    )
    optimizer: ComponentSpec = Field(
        default=ComponentSpec.model_validate({"name": "adam", "lr": 1e-3}),
        description="An optimiser of torch.optim in lower case (adam, adamw, sgd, …) with its options.",
    )
    groups: dict[str, dict[str, Any]] = Field(
        default={},
        description="Options of the optimiser for parameters by name, with shell wildcards: "
        "`{'decoder.*': {weight_decay: 0.001}}`. If several patterns match, the last one that sets an option wins.",
    )
    turns: dict[str, TurnSpec] = Field(
        default={},
        description="How each adversary of the model is trained, by the name of its regulariser, or `objective`.",
    )
    schedule: ScheduleSpec = Field(default=ScheduleSpec(), description="The learning rate over the run.")
    clip_norm: PositiveFloat | None = Field(
        default=None, description="Largest norm of the gradient; null: no clipping."
    )
    ema: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay of the moving average of the weights, which is then validated, saved and evaluated in place "
        "of the weights; 0.999 averages about a thousand steps. null: none.",
    )
    precision: Literal["fp32", "bf16", "auto"] = Field(
        default="auto", description="auto: bf16 matrix products if they are faster on the hardware, otherwise fp32."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto: the fastest available device."
    )
    step: Literal["eager", "compiled", "captured"] = Field(
        default="eager",
        description="How a step runs. eager: operation by operation. compiled: with torch.compile, which takes up to a "
        "minute at the start and needs a C++ compiler on a CPU. captured: as a CUDA graph, for small models.",
    )
    monitor: str = Field(
        default="loss",
        description="The term of the loss, on validation data, that decides which epoch is best and when to stop.",
    )
    early_stopping: EarlyStoppingSpec | None = Field(default=None, description="null: train for all epochs.")
    checkpoint_every: Duration | None = Field(
        default=None,
        description="How often the state for --resume is saved; null: after each epoch, or twenty times in a run whose "
        "`epochs` is null.",
    )
    keep_every: PositiveInt | None = Field(
        default=None, description="Keep a checkpoint in `checkpoints/` at this interval of epochs; null: none."
    )
    keep_epochs: tuple[PositiveInt, ...] = Field(
        default=(), strict=False, description="Keep a checkpoint of these epochs, numbered from 1, in `checkpoints/`."
    )
    callbacks: dict[Key, ComponentSpec] = Field(
        default={}, description="Callbacks, each under a name of your choice: `{units: {name: metrics}}`."
    )
    trackers: tuple[str, ...] = Field(
        default=(), strict=False, description="Experiment trackers of accelerate: tensorboard, wandb, …"
    )

    @model_validator(mode="before")
    @classmethod
    def _options_of_adam(cls, value: Any) -> Any:
        return _with_optimizer_name(value)

    def keeps(self, epoch: int) -> bool:
        """Whether a checkpoint of this epoch, numbered from 1, is kept in addition to the best one."""
        return epoch in self.keep_epochs or (self.keep_every is not None and epoch % self.keep_every == 0)

    def for_examples(self, count: int) -> FullTrainSpec:
        """Return the spec with unset length fields filled in for this number of training examples.

        Example:
            >>> found = TrainSpec().for_examples(1000)
            >>> found.batch_size, found.epochs, found.checkpoint_every.epochs
            (32, 94, 4)
            >>> TrainSpec(epochs=3).for_examples(50_000).batch_size
            128
        """
        size = self.batch_size or (_BATCH_OF_FEW if count < _FEW else _BATCH)
        wanted = math.ceil(_STEPS / math.ceil(max(1, count) / size))
        epochs = self.epochs or min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, wanted))
        often = Duration(epochs=1 if self.epochs else max(1, epochs // _STATES))
        length = {"epochs": epochs, "batch_size": size, "checkpoint_every": self.checkpoint_every or often}
        return FullTrainSpec.model_construct(self.model_fields_set | length.keys(), **{**dict(self), **length})

    def with_length_from(self, other: TrainSpec) -> TrainSpec:
        """Return the spec with unset length fields filled in from an earlier run."""
        return self.model_copy(update={name: getattr(other, name) for name in _LENGTH if getattr(self, name) is None})

    @property
    def given_fields(self) -> set[str]:
        """The fields that were given, except fields of the length that are null."""
        return {name for name in self.model_fields_set if name not in _LENGTH or getattr(self, name) is not None}


class FullTrainSpec(TrainSpec):
    """The training of a model on data of known size: the length of the run is a number."""

    epochs: PositiveInt
    batch_size: PositiveInt
    checkpoint_every: Duration


def _with_optimizer_name(value: Any, defaults: Mapping[str, Any] = MappingProxyType({})) -> Any:
    # `--set train.optimizer.lr=1e-4` without the name of an optimiser applies to the default one.
    optimizer = value.get("optimizer") if isinstance(value, dict) else None
    if isinstance(optimizer, dict) and "name" not in optimizer:
        return {**value, "optimizer": {"name": "adam", **defaults, **optimizer}}
    return value
