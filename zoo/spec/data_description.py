"""The description of a model's data: the preparation of stored examples, and the meaning of their values."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, NonNegativeInt, PlainSerializer, PositiveInt, model_validator

from zoo.errors import InputError, unknown_name
from zoo.spec.component import StrictModel

_MOST_IN_PLAIN = 1024
"""Numbers written out in JSON; more are written as the bytes of their 32 bits, a fifth of the length."""
LARGEST_EXAMPLE = 2**26
"""Values of one example; a configuration from a stranger cannot ask for more memory than this takes."""


def is_image_shape(shape: Sequence[int]) -> bool:
    """Return whether examples of a shape are images that can be shown: (C, H, W) with one or three channels."""
    return len(shape) == 3 and shape[0] in (1, 3)


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
"""One number for all values of an example, or one for each, in their order."""
Range = Annotated[tuple[float, float], Field(strict=False)]
Shape = Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]


class ScalingDescription(StrictModel):
    """How stored values v become prepared ones: (v − shift) / span.

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
    """Examples as the data set stores them, before any preparation.

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
    """The changes of the size of images after they were read."""

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


ColumnType = Literal["numeric", "integer", "boolean", "categorical", "date"]
"""The types of columns, which determine their likelihood."""


class ColumnDescription(StrictModel):
    """A column of a table, with its properties in the training data.

    A prepared example has one value for each column, and for a categorical column one for each of its categories:
    1 for the category, 0 for the others.

    Example:
        >>> species = ColumnDescription(name="species", type="categorical", categories=("cat", "dog"))
        >>> species.width, species.value_names
        (2, ('species=cat', 'species=dog'))
    """

    name: str = Field(description="Its name in the table.")
    type: ColumnType = Field(default="numeric", description="What its values mean.")
    categories: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="categorical: the categories, in the order of their numbers. boolean: how false and true are "
        "written; empty for booleans.",
    )
    hashed: bool = Field(default=False, description="Whether texts were put into the categories #0, #1, … by a hash.")
    given_as: Literal["float", "integer", "boolean", "text", "category", "date", "datetime"] | None = Field(
        default=None, description="As what values are given back; null: as they are stored."
    )
    timezone: str | None = Field(default=None, description="Time zone of the times; null: none is stated.")

    @model_validator(mode="after")
    def _with_categories(self) -> ColumnDescription:
        counts = {"categorical": "at least 1", "boolean": "0 or 2"}
        found = len(self.categories)
        if {"categorical": found < 1, "boolean": found not in (0, 2)}.get(self.type, found > 0):
            raise ValueError(f"expected {counts.get(self.type, 'no')} categories of a {self.type} column, got {found}")
        if len(set(self.categories)) < found:
            raise ValueError("expected categories of different names")
        return self

    @property
    def width(self) -> int:
        """Number of its values in a prepared example."""
        return len(self.categories) if self.type == "categorical" else 1

    @property
    def is_measured(self) -> bool:
        """Whether its values are quantities, which are standardised."""
        return self.type in ("numeric", "integer", "date")

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name for each of its values in a prepared example."""
        if self.type != "categorical":
            return (self.name,)
        return tuple(f"{self.name}={category}" for category in self.categories)


class ClassDescription(StrictModel):
    """A class; its number is its position in the list."""

    name: str = Field(description="Its name in the data.")
    examples: NonNegativeInt | None = Field(default=None, description="Training examples; null where nobody counted.")


class SplittingDescription(StrictModel):
    """The rule for splits that the data set does not define; it gives the same splits for the same data."""

    validation: float = Field(default=0.1, ge=0, lt=1, description="As `data.validation` of the recipe.")
    test: float = Field(default=0.15, ge=0, lt=1, description="As `data.test` of the recipe.")
    subset: PositiveInt | None = Field(default=None, description="As `data.subset` of the recipe.")
    split_seed: NonNegativeInt = Field(default=0, description="As `data.split_seed` of the recipe.")


class SplitDescription(StrictModel):
    """A split of the data that the model was trained on."""

    examples: PositiveInt = Field(description="Number of examples.")
    digest: str = Field(pattern=r"^[0-9a-f]{32}$", description="Digest of the examples and their labels, as stored.")


class DataDescription(StrictModel):
    """What a model knows of its data; all that it takes to prepare raw data as in training, and to undo it.

    Nothing here names a place: a checkpoint that is copied or pulled prepares data as the original does.

    Example:
        >>> data = DataDescription(shape=(1, 8, 8), classes=[{"name": "cat"}, {"name": "dog"}])
        >>> data.class_number("dog"), data.is_known
        (1, False)
    """

    dataset: str = Field(default="", description="Registered name of the data set.")
    shape: Shape = Field(description="Shape of one prepared example.")
    range: Range | None = Field(default=None, description="Smallest and largest prepared value; null: no bounds.")
    stored: StoredDescription | None = Field(default=None, description="null where it was not recorded.")
    reading: ReadingDescription | None = Field(default=None, description="For images that come from files.")
    geometry: GeometryDescription = GeometryDescription()
    scaling: ScalingDescription = ScalingDescription()
    binarise: Literal["none", "threshold", "static", "dynamic"] = Field(
        default="none", description="As `data.binarise` of the recipe."
    )
    splitting: SplittingDescription = SplittingDescription()
    columns: tuple[ColumnDescription, ...] = Field(
        default=(), strict=False, description="Columns of a table, in order."
    )
    label: str | None = Field(default=None, description="The column of a table that holds the classes; null: none.")
    missing: bool = Field(default=False, description="Whether values are missing in the data; they are NaN.")
    classes: tuple[ClassDescription, ...] = Field(
        default=(), strict=False, description="Classes in the order of their numbers; empty without labels."
    )
    splits: dict[Literal["train", "validation", "test"], SplitDescription] = Field(
        default={}, description="The splits that the model was trained, validated and tested on."
    )

    @model_validator(mode="after")
    def _consistent(self) -> DataDescription:
        values = math.prod(self.shape)
        for name, numbers in (("shift", self.scaling.shift), ("span", self.scaling.span)):
            if len(numbers) not in (1, values):
                raise ValueError(f"expected one {name} or {values} of them, got {len(numbers)}")
        if self.columns and sum(column.width for column in self.columns) != values:
            widths = sum(column.width for column in self.columns)
            raise ValueError(f"expected columns of {values} values together, got columns of {widths}")
        if len({column.name for column in self.columns}) < len(self.columns):
            raise ValueError("expected columns of different names")
        if len({each.name for each in self.classes}) < len(self.classes):
            raise ValueError("expected classes of different names")
        if self.stored is not None:
            self._check_geometry(self.stored.shape)
        return self

    def _check_geometry(self, stored: Sequence[int]) -> None:
        shape, geometry = tuple(stored), self.geometry
        if self.columns and shape == (len(self.columns),):
            shape = (sum(column.width for column in self.columns),)
        if math.prod(shape) > LARGEST_EXAMPLE:
            raise ValueError(f"an example of shape {shape} is larger than any that is read")
        if geometry.resize is not None or geometry.pad:
            if len(shape) != 3:
                raise ValueError(f"expected images where `resize` or `pad` is set, got examples of shape {shape}")
            height, width = geometry.resize or shape[1:]
            shape = (shape[0], height + 2 * geometry.pad, width + 2 * geometry.pad)
        if shape != self.shape:
            raise ValueError(f"stored examples are prepared to shape {shape}, {self.shape} is stated")

    @property
    def is_known(self) -> bool:
        """Whether the checkpoint recorded how data are prepared; no for one of version 0.1 or without data."""
        return self.stored is not None

    @property
    def is_image(self) -> bool:
        """Whether stored examples are images of one or three channels."""
        return is_image_shape(self.stored.shape if self.stored else self.shape)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return tuple(each.name for each in self.classes)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return tuple(each.name for each in self.columns)

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name for each value of a prepared row of a table: its column, or its column and category."""
        return tuple(name for column in self.columns for name in column.value_names)

    @property
    def untrained_classes(self) -> tuple[str, ...]:
        """Names of the classes that the training data hold no example of."""
        return tuple(each.name for each in self.classes if each.examples == 0)

    def class_number(self, label: str | int, where: str = "label") -> int:
        """Return the number of a class that is given by its name, or by its number where that cannot be a name.

        Raises:
            InputError: there is no such class; the message names those there are.

        Example:
            >>> data = DataDescription(shape=(2,), classes=[{"name": "3"}, {"name": "7"}])
            >>> data.class_number("7"), data.class_number(7)
            (1, 1)
        """
        names, text = self.class_names, str(label)
        if text in names:
            return names.index(text)
        # Of classes called 3 and 7, a 1 would be taken for a name.
        if not any(map(str.isdecimal, names)) and text.isdecimal() and int(text) < len(names):
            return int(text)
        problem, remedy = unknown_name("class", text, names)
        raise InputError(problem, where=where, remedy=remedy)
