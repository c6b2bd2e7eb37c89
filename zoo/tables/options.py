"""What a user may say about the columns of a table."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from zoo.errors import DataError, unknown_name
from zoo.spec.column_description import ColumnDescription
from zoo.tables.columns import check_columns

Choice = Literal["numeric", "integer", "boolean", "categorical", "date", "hash", "ignore"]
MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "-NaN", "-nan", "<NA>", "#N/A", "#NA", "NULL", "Null", "null"),
    *("None", "none", "NaT", "?"),
)
"""Texts that stand for a missing value where the recipe names none."""


_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[^\W\d][\w-]*", re.IGNORECASE)


def setting(name: str, choice: Choice) -> str:
    """Return how a user says what a column means, in a recipe and on the command line.

    Example:
        >>> setting("age", "numeric"), setting("a.b", "ignore")
        ('`columns: {age: numeric}` (`--set data.columns.age=numeric`)', '`columns: {"a.b": ignore}`')
    """
    plain = _PLAIN.fullmatch(name)
    in_recipe = f"`columns: {{{name if plain else json.dumps(name, ensure_ascii=False)}: {choice}}}`"
    if any(mark in name for mark in ".=") or name != name.strip():
        return in_recipe  # it cannot be told from a path of fields
    return f"{in_recipe} (`--set {shlex.quote(f'data.columns.{name}={choice}')}`)"


def missing_texts(column: ColumnDescription, texts: Collection[str]) -> frozenset[str]:
    """Return those of the texts that stand for a missing value in a column: not the ones that it knows as its own.

    Example:
        >>> flag = ColumnDescription(name="flag", type="boolean", categories=("None", "some"))
        >>> sorted(missing_texts(flag, ("NA", "None", "none")))
        ['NA']
    """
    if column.type != "boolean":
        return frozenset(texts) - set(column.categories)
    own = {word.casefold() for word in column.categories}
    return frozenset(text for text in texts if text.casefold() not in own)


@dataclass(frozen=True)
class TableOptions:
    """Choices about the columns of a table; what is not chosen is inferred.

    Attributes:
        label: the column that holds the classes.
        row_name: the column with a name for each row, which is not one of the values.
        columns: the type of columns by name; ``hash`` is a categorical column whose texts a hash puts into categories.
        others: whether columns that ``columns`` does not name are inferred or left out.
        max_categories: the most categories that a column may have.
        hash_buckets: number of categories of a column that is hashed.
        missing: texts that stand for a missing value.
        date_format: how dates are written, as of ``strptime``; None: as in ISO 8601, 2026-07-31 or 2026-07-31T12:30.
        decimal: what separates the fraction of a number; None: inferred.
        thousands: what separates thousands; None: inferred.
        known: the columns of a model: nothing is inferred, and other columns are left out.
        label_optional: whether rows may lack a class, or the table the label.
    """

    label: str | None = None
    row_name: str | None = None
    columns: Mapping[str, Choice] = field(default_factory=dict)
    others: Literal["infer", "ignore"] = "infer"
    max_categories: int = 100
    hash_buckets: int = 32
    missing: tuple[str, ...] = MISSING
    date_format: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    known: tuple[ColumnDescription, ...] = ()
    label_optional: bool = False

    def chosen(self, names: Iterable[str], source: str) -> list[str]:
        """Return the names of the columns that are used, in the table's order, without the label and the row names.

        Raises:
            DataError: a column is named that the table does not have, or none is left; a choice contradicts a model.
        """
        names = list(names)
        self._check_row_name(names, source)
        if self.known:
            return self._chosen_of_known(names, source)
        self._check_names(names, source)
        self._check_label(names, source)
        default = "ignore" if self.others == "ignore" else "infer"
        values = [name for name in names if name not in (self.label, self.row_name)]
        used = [name for name in values if self.columns.get(name, default) != "ignore"]
        if not used:
            raise DataError(
                f"no column of {source} is left: it has {', '.join(map(repr, names[:10]))}",
                where="columns",
                remedy="Use at least one column besides the label.",
            )
        return used

    def _chosen_of_known(self, names: list[str], source: str) -> list[str]:
        check_columns([column.name for column in self.known], names, source)
        self._check_label(names, source)
        self._check_names(names, source)
        self._check_choices()
        return [column.name for column in self.known]

    def _check_choices(self) -> None:
        """Refuse choices that contradict the columns of a model, which decide how the table is read."""
        known = {column.name: "hash" if column.hashed else column.type for column in self.known}
        default = "ignore" if self.others == "ignore" else "infer"
        for name in [*known, *self.columns]:
            choice, own = self.columns.get(name, default), known.get(name, "ignore")
            if choice in (own, "infer") or name in (self.label, self.row_name):
                continue
            if {choice, own} == {"numeric", "integer"}:
                continue
            model = f"its type is {own!r}" if name in known else "the model was not trained on it"
            stated = f"{choice!r}" if name in self.columns else "`others: ignore`"
            raise DataError(
                f"expected choices that agree with the model, got {stated} for the column {name!r}: {model}",
                where="columns" if name in self.columns else "others",
                remedy="Leave the choice out. Where a run begins with a model, it may also learn the columns anew: "
                "`init: {model: …, data: learn}`.",
            )

    def _check_names(self, names: list[str], source: str) -> None:
        for name in self.columns:
            if name not in names and self.columns[name] != "ignore":
                problem, remedy = unknown_name("column", name, names)
                raise DataError(f"{problem} in {source}", where="columns", remedy=remedy)

    def _check_row_name(self, names: list[str], source: str) -> None:
        if self.row_name is not None and self.row_name not in names:
            problem, remedy = unknown_name("column", self.row_name, names)
            raise DataError(f"{problem} in {source}", where="row_name", remedy=remedy)
        choice = "ignore" if self.row_name is None else self.columns.get(self.row_name, "ignore")
        if choice != "ignore":
            raise DataError(
                f"the column {self.row_name!r} has the names of the rows, but `columns` says {choice!r}",
                where="row_name",
                remedy="The names of the rows are no input of the model. Leave out one of the two.",
            )

    def _check_label(self, names: list[str], source: str) -> None:
        if self.label is not None and self.label not in names and not self.label_optional:
            problem, remedy = unknown_name("column", self.label, names)
            raise DataError(f"{problem} in {source}", where="label", remedy=remedy)
