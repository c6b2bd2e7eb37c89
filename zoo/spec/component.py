"""A component in a recipe."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class StrictModel(BaseModel):
    """Plain data that refuses unknown fields, values of another type, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ComponentSpec(BaseModel):
    """A component's name with its options: ``conv``, or ``{name: conv, channels: [32, 64]}``.

    The options are those of the component's constructor, where they are checked when the model is built.

    Example:
        >>> ComponentSpec.model_validate("conv").name
        'conv'
        >>> ComponentSpec.model_validate({"name": "conv", "channels": [32, 64]}).options
        {'channels': [32, 64]}
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: str = Field(description="The component's registered name; the other keys are its options.")

    @model_validator(mode="before")
    @classmethod
    def _from_bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """The options that were given, without the name."""
        return dict(self.model_extra or {})

    def with_options(self, options: dict[str, Any]) -> ComponentSpec:
        """Return the same component with these options instead."""
        return type(self).model_validate({"name": self.name, **options})
