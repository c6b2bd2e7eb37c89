"""The description of a column of a table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from zoo.spec.component import StrictModel

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
        default=None, description="Type in which values are returned; null: as they are stored."
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
