"""The description of a model's data: the preparation of stored examples, and the meaning of their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from zoo.errors import InputError, unknown_name
from zoo.spec.column_description import ColumnDescription
from zoo.spec.component import StrictModel
from zoo.spec.preparation_description import (
    GeometryDescription,
    Range,
    ReadingDescription,
    ScalingDescription,
    Shape,
    StoredDescription,
)

LARGEST_EXAMPLE = 2**26
"""The largest number of values of an example, which bounds the memory that an untrusted configuration can use."""


def is_image_shape(shape: Sequence[int]) -> bool:
    """Return whether examples of a shape are images that can be shown: (C, H, W) with one or three channels."""
    return len(shape) == 3 and shape[0] in (1, 3)


class ClassDescription(StrictModel):
    """A class; its number is its position in the list."""

    name: str = Field(description="Its name in the data.")
    examples: NonNegativeInt | None = Field(default=None, description="Number of training examples; null: unknown.")


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
    """The description of a model's data, from which raw data can be prepared as in training, and restored.

    It contains no paths, so that a copy of the checkpoint on another machine prepares data in the same way.

    Example:
        >>> data = DataDescription(shape=(1, 8, 8), classes=[{"name": "cat"}, {"name": "dog"}])
        >>> data.class_number("dog"), data.is_known
        (1, False)
    """

    dataset: str = Field(default="", description="Registered name of the data set.")
    shape: Shape = Field(description="Shape of one prepared example.")
    range: Range | None = Field(default=None, description="Smallest and largest prepared value; null: no bounds.")
    stored: StoredDescription | None = Field(default=None, description="null if it was not recorded.")
    reading: ReadingDescription | None = Field(default=None, description="For images that are read from files.")
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
            raise ValueError(f"expected examples of at most {LARGEST_EXAMPLE:,} values, got shape {shape}")
        if geometry.resize is not None or geometry.pad:
            if len(shape) != 3:
                raise ValueError(f"expected images where `resize` or `pad` is set, got examples of shape {shape}")
            height, width = geometry.resize or shape[1:]
            shape = (shape[0], height + 2 * geometry.pad, width + 2 * geometry.pad)
        if shape != self.shape:
            raise ValueError(f"expected `shape` {shape}, to which stored examples are prepared, got {self.shape}")

    @property
    def is_known(self) -> bool:
        """Whether the preparation of the data is recorded; not in checkpoints of version 0.1 or without data."""
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
        """Names of the classes without training examples."""
        return tuple(each.name for each in self.classes if each.examples == 0)

    def class_number(self, label: str | int, where: str = "label") -> int:
        """Return the number of a class from its name, or from its number if no class has a number as its name.

        Raises:
            InputError: there is no such class; the message lists the classes.

        Example:
            >>> data = DataDescription(shape=(2,), classes=[{"name": "3"}, {"name": "7"}])
            >>> data.class_number("7"), data.class_number(7)
            (1, 1)
        """
        names, text = self.class_names, str(label)
        if text in names:
            return names.index(text)
        # If the classes are called 3 and 7, a 1 would be mistaken for a name.
        if not any(map(str.isdecimal, names)) and text.isdecimal() and int(text) < len(names):
            return int(text)
        problem, remedy = unknown_name("class", text, names)
        raise InputError(problem, where=where, remedy=remedy)
