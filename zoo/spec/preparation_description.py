"""The description of stored examples, and of their preparation: reading, size and scaling."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, NonNegativeInt, PlainSerializer, PositiveInt, model_validator

from zoo.spec.component import StrictModel

_MOST_IN_PLAIN = 1024
"""The largest number of values that are written as JSON numbers; more are encoded as bytes, a fifth of the length."""


def _read_values(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"float32"} and isinstance(value["float32"], str):
        try:
            array = np.frombuffer(base64.b64decode(value["float32"], validate=True), dtype="<f4")
        except ValueError as error:
            raise ValueError("expected the bytes of 32-bit numbers in base64") from error
        return tuple(map(float, array))
    if isinstance(value, (list, tuple)):
        return tuple(float(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in value)
    return (float(value),) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _write_values(values: tuple[float, ...]) -> Any:
    if len(values) == 1:
        return values[0]
    if len(values) <= _MOST_IN_PLAIN:
        return list(values)
    return {"float32": base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()}


Values = Annotated[
    tuple[float, ...],
    Field(min_length=1),
    BeforeValidator(_read_values),
    PlainSerializer(_write_values, when_used="json"),
]
"""One number for all values of an example, or a number for each value."""
Range = Annotated[tuple[float, float], Field(strict=False)]
Shape = Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]


class ScalingDescription(StrictModel):
    """The scaling of stored values v to prepared ones: (v − shift) / span.

    Example:
        >>> ScalingDescription(name="unit", span=255).span
        (255.0,)
    """

    name: Literal["unit", "symmetric", "standardise", "none"] = Field(
        default="none", description="As `data.scale` of the recipe."
    )
    shift: Values = Field(default=(0.0,), description="standardise: the means of the training data; else one number.")
    span: Values = Field(default=(1.0,), description="standardise: their standard deviations; else one number.")

    @model_validator(mode="after")
    def _positive(self) -> ScalingDescription:
        if min(self.span) <= 0:
            raise ValueError(f"expected a positive span, got {min(self.span):g}")
        return self


class StoredDescription(StrictModel):
    """The form of examples as the data set stores them, before any preparation.

    Example:
        >>> StoredDescription(dtype="uint8", shape=(1, 28, 28), range=(0.0, 255.0)).layout
        'channels_first'
    """

    dtype: Literal["uint8", "float32", "float64"] = Field(description="Type of the values; float64: of a table.")
    shape: Shape = Field(description="Shape of one example: [channels, height, width] or [features].")
    range: Range | None = Field(default=None, description="Smallest and largest value; null where there is none.")
    layout: Literal["channels_first", "channels_last", "no_channels"] = Field(
        default="channels_first",
        description="How arrays of images are laid out: (N, C, H, W), (N, H, W, C), (N, H, W).",
    )


class GeometryDescription(StrictModel):
    """The changes of the size of images after reading."""

    resize: Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False)] | None = Field(
        default=None, description="Height and width that images were resized to."
    )
    pad: NonNegativeInt = Field(default=0, description="Pixels of background added on each side.")
    background: Values = Field(default=(0.0,), description="Stored value of the padding, of all channels or of each.")
    fit: Literal["stretch", "crop", "pad"] = Field(default="stretch", description="As `data.fit` of the recipe.")


class ReadingDescription(StrictModel):
    """The reading of image files as stored examples."""

    channels: Literal[1, 3] = Field(description="3 for colour, 1 for grey.")
    size: Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False)] | None = Field(
        default=None,
        description="Height and width that images are brought to by a crop; null: what `geometry` says, or one size.",
    )
    background: str | None = Field(
        default=None, description="Colour behind transparent pixels and around padded images; null: white and black."
    )
    value_range: Range | None = Field(
        default=None, description="Black and white of images of more than 8 bits; null: 0 and 65535."
    )
