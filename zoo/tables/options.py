"""What a user may say about the columns of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from zoo.errors import DataError, unknown_name

Choice = Literal["numeric", "integer", "boolean", "categorical", "date", "hash", "ignore"]
MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "-NaN", "-nan", "<NA>", "#N/A", "#NA", "NULL", "Null", "null"),
    *("None", "none", "NaT", "?"),
)
"""Texts that stand for a missing value where the recipe names none."""


@dataclass(frozen=True)
class TableOptions:
    """Choices about the columns of a table; what is not chosen is inferred.

    Attributes:
        label: the column that holds the classes.
        columns: the type of columns by name; ``hash`` is a categorical column whose texts a hash puts into categories.
        others: whether columns that ``columns`` does not name are inferred or left out.
        max_categories: the most categories that a column may have.
        hash_buckets: number of categories of a column that is hashed.
        missing: texts that stand for a missing value.
        date_format: how dates are written, as of ``strptime``; None: as in ISO 8601, 2026-07-31 or 2026-07-31T12:30.
        decimal: what separates the fraction of a number; None: inferred.
        thousands: what separates thousands; None: inferred.
    """

    label: str | None = None
    columns: Mapping[str, Choice] = field(default_factory=dict)
    others: Literal["infer", "ignore"] = "infer"
    max_categories: int = 100
    hash_buckets: int = 32
    missing: tuple[str, ...] = MISSING
    date_format: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None

    def chosen(self, names: Iterable[str], source: str) -> list[str]:
        """Return the names of the columns that are used, in the table's order, without the label.

        Raises:
            DataError: a column is named that the table does not have, or none is left.
        """
        names = list(names)
        for name in self.columns:
            if name not in names and self.columns[name] != "ignore":
                problem, remedy = unknown_name("column", name, names)
                raise DataError(f"{problem} in {source}", where="columns", remedy=remedy)
        if self.label is not None and self.label not in names:
            problem, remedy = unknown_name("column", self.label, names)
            raise DataError(f"{problem} in {source}", where="label", remedy=remedy)
        default = "ignore" if self.others == "ignore" else "infer"
        used = [name for name in names if name != self.label and self.columns.get(name, default) != "ignore"]
        if not used:
            raise DataError(
                f"no column of {source} is left: it has {', '.join(map(repr, names[:10]))}",
                where="columns",
                remedy="Use at least one column besides the label.",
            )
        return used
