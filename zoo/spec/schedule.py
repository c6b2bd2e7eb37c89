"""Schedules of weights of the loss; a weight depends only on the step, so that resuming needs no further state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from zoo.spec.component import StrictModel
from zoo.spec.training import Duration

_EXAMPLE = "{name: linear, end: 4.0, over: {epochs: 5}}"
_LENGTHS = "`over: {epochs: 5}` or `over: {steps: 500}`"
_USED: dict[str, set[str]] = {
    "constant": {"end"},
    "linear": {"start", "end", "over"},
    "cosine": {"start", "end", "over"},
    "exponential": {"start", "end", "over"},
    "cyclical": {"start", "end", "over", "cycles", "share"},
}


class WeightSchedule(StrictModel):
    r"""A weight that changes during training; a bare number is constant.

    With t = 1, 2, … the number of the step, T the length ``over``, a = ``start``, b = ``end`` and r = min(1, t/T):

    - linear: a + (b − a) r
    - cosine: a + (b − a) (1 − cos πr) / 2
    - exponential: a (b/a)^r
    - cyclical: linear over the first ``share`` R of each of M ``cycles``, then b for the rest of the cycle; with t
      counted within the cycle, r = min(1, t M / (T R))

    After T steps the weight is b. Choose linear or cosine to keep latents from collapsing early, cyclical to give
    them several chances, exponential for a weight whose order of magnitude changes, such as a temperature.

    Source:
        Bowman et al. (2016), Generating Sentences from a Continuous Space, section 3.1 (linear).
        https://arxiv.org/abs/1511.06349
        Fu et al. (2019), Cyclical Annealing Schedule, equations 6 and 7. https://arxiv.org/abs/1903.10145

    Example:
        >>> schedule = WeightSchedule.model_validate({"name": "linear", "end": 4.0, "over": {"epochs": 2}})
        >>> [schedule.value(step, steps_per_epoch=2) for step in range(5)]
        [1.0, 2.0, 3.0, 4.0, 4.0]
        >>> WeightSchedule.model_validate(0.5).value(step=0, steps_per_epoch=2)
        0.5
    """

    name: Literal["constant", "linear", "cosine", "cyclical", "exponential"] = Field(
        description="How the weight goes from `start` to `end`; a bare number is a constant weight."
    )
    start: float = Field(default=0.0, description="The weight before the first step; unused by constant.")
    end: float = Field(description="The weight after the schedule, and in validation.")
    over: Duration | None = Field(default=None, description="Length of the schedule; unused by constant.")
    cycles: PositiveInt = Field(default=4, description="cyclical: number of rises from `start` to `end`.")
    share: float = Field(default=0.5, gt=0, le=1, description="cyclical: the share of a cycle that rises.")

    @model_validator(mode="before")
    @classmethod
    def _from_bare_number(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return {"name": "constant", "end": value}
        if not isinstance(value, (dict, WeightSchedule)):
            raise ValueError(f"expected a number or a schedule such as {_EXAMPLE}, got {value!r}")
        return value

    @model_validator(mode="after")
    def _uses_its_fields(self) -> WeightSchedule:
        unused = sorted(self.model_fields_set - {"name"} - _USED[self.name])
        if unused:
            raise ValueError(f"`{unused[0]}` has no effect on the schedule `{self.name}`; leave it out")
        if self.name != "constant" and self.over is None:
            raise ValueError(f"`over`, the length of the schedule, is missing: {_LENGTHS}")
        if self.name == "exponential" and self.start * self.end <= 0:
            raise ValueError(
                "an exponential schedule needs a `start` and an `end` of the same sign and other than 0, "
                f"got {self.start:g} and {self.end:g}"
            )
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> Any:
        # A constant is written as a number, and fields that a schedule does not use are left out.
        if self.name == "constant":
            return self.end
        return {key: value for key, value in handler(self).items() if key in _USED[self.name] | {"name"}}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, handler.resolve_ref_schema(handler(schema))]}

    @property
    def changes(self) -> bool:
        """Whether the weight differs between steps."""
        return self.name != "constant" and self.start != self.end

    def value(self, step: int, steps_per_epoch: int) -> float:
        """Return the weight at a step numbered from 0."""
        length = self.over.in_steps(steps_per_epoch) if self.over is not None else 0
        if not self.changes or step >= length:
            return self.end
        if self.name == "cyclical":
            # Steps are multiplied instead of dividing lengths, because a cycle need not be a whole number of steps.
            within = (step * self.cycles % length) / self.cycles + 1
            return self._between(min(1.0, within * self.cycles / (length * self.share)))
        reached = (step + 1) / length
        if self.name == "cosine":
            return self._between((1 - math.cos(math.pi * reached)) / 2)
        if self.name == "exponential":
            return self.start * (self.end / self.start) ** reached
        return self._between(reached)

    def _between(self, reached: float) -> float:
        return self.end if reached == 1 else self.start + (self.end - self.start) * reached

    def warmup_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps after which the weight stays at ``end``; 0 for a constant."""
        if not self.changes or self.over is None:
            return 0
        length = self.over.in_steps(steps_per_epoch)
        if self.name == "cyclical":
            return min(length, math.ceil(length * (self.cycles - 1 + self.share) / self.cycles))
        return length


@dataclass(frozen=True)
class _Written:
    """The pydantic validation of an option that is a weight, with the errors of the schedule."""

    minimum: float = -math.inf
    maximum: float = math.inf

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._check,
            handler.generate_schema(WeightSchedule),
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    def _check(self, schedule: WeightSchedule) -> WeightSchedule:
        ends = [schedule.end] if schedule.name == "constant" else [schedule.start, schedule.end]
        if min(ends) < self.minimum:
            raise ValueError(f"expected a weight of at least {self.minimum:g}, got {min(ends):g}")
        if max(ends) > self.maximum:
            raise ValueError(f"expected a weight of at most {self.maximum:g}, got {max(ends):g}")
        return schedule


def _plain(weight: float | WeightSchedule) -> Any:
    return weight.model_dump(mode="json") if isinstance(weight, WeightSchedule) else weight


Weight = Annotated[float | WeightSchedule, _Written()]
"""The type of an option that is a weight; see :func:`as_schedule`."""

NonNegativeWeight = Annotated[float | WeightSchedule, _Written(minimum=0.0)]
"""The type of an option that is a weight of at least 0."""

ShareWeight = Annotated[float | WeightSchedule, _Written(minimum=0.0, maximum=1.0)]
"""The type of an option that is a share between 0 and 1, such as that of one of two terms."""


def as_schedule(weight: float | WeightSchedule) -> WeightSchedule:
    """Return a weight as a schedule, for the constructor of a component.

    Example:
        >>> as_schedule(1.0).value(step=10, steps_per_epoch=5)
        1.0
    """
    return weight if isinstance(weight, WeightSchedule) else WeightSchedule(name="constant", end=weight)
