"""Your own table, from a file."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from zoo.datasets import Collection, Dataset, Stored
from zoo.errors import DataError
from zoo.registry import register
from zoo.spec.data_description import DataDescription
from zoo.tables.options import MISSING, Choice, TableOptions
from zoo.tables.reading import FrameSource, Source, read_tables
from zoo.tables.sources import ENDINGS, HUB, sources_of


@register("dataset", "table")
class Table(Dataset):
    """Rows of mixed columns from CSV, TSV or Parquet files, or from data sets of Hugging Face.

    Choose it for measurements and records: numbers beside categories, booleans and dates, some of them missing.
    What a column means is inferred and can be stated; the likelihood ``columns`` follows from it. Numbers and dates are
    standardised, categories become a 1 among zeros. Missing values stay missing: the likelihood leaves them out, and
    the encoder is shown which were observed. Texts that are neither categories nor dates are refused.

    Types, categories, means and spreads are those of the training data, and travel with the model: any other table is
    read by them. Its columns are found by name, others are left out, and a category that is not known is taken as
    missing, with a warning.

    Args:
        path: a ``.csv``, ``.tsv``, ``.txt`` or ``.parquet`` file; the folder of a data set that Hugging Face's
            ``datasets`` saved; or ``hf://datasets/USER/NAME``, which is downloaded.
        label: the column that holds the classes; it is not one of the values of a row.
        columns: the type of columns by name: ``numeric``, ``integer``, ``boolean``, ``categorical``, ``date``;
            ``hash``, categories into which a hash puts the texts; ``ignore``.
        others: whether columns that ``columns`` does not name are inferred or left out.
        max_categories: the most categories that a column may have.
        hash_buckets: number of categories of a column that is hashed.
        missing: texts that stand for a missing value; null: an empty one, ``NA``, ``NaN``, ``null``, ``?`` and others.
        separator: between the values of a row; null: found out.
        decimal: what separates the fraction of a number; null: found out.
        thousands: what separates thousands; null: found out if it is a comma, or a point before a decimal comma.
        date_format: how dates are written, as of Python's ``strptime``; null: 2026-07-31 or 2026-07-31T12:30.
        encoding: of the text; null: UTF-8.
        header: whether the first line holds the names of the columns; null: it does, and one that looks like values is
            refused.

    Shapes:
        stored rows (N, columns), float64; a model sees (B, W), where a categorical column takes a place for each
        category.

    Raises:
        DataError: the file or a column is missing, a column is mixed or free text, a value is infinite or not of its
            column's type; names file, column and row, and says what to do.

    Source:
        Nazábal et al. (2020), Handling Incomplete Heterogeneous Data Using VAEs. https://arxiv.org/abs/1807.03653

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pets.csv"
        >>> _ = path.write_text("age,pet,born\\n3,cat,2023-01-31\\n,dog,2020-05-01\\n")
        >>> collection = Table(path=str(path)).load(print)
        pets.csv: missing values are kept as missing: 1 of 2 in age
        >>> [(column.name, column.type) for column in collection.columns]
        [('age', 'integer'), ('pet', 'categorical'), ('born', 'date')]
    """

    path_options = ("path",)

    @classmethod
    def options_for(cls, path: str) -> dict[str, Any] | None:
        """Return the option for a file of delimited text or of Parquet, and for a data set of the Hub."""
        return {"path": path} if path.startswith(HUB) or path.lower().endswith(ENDINGS) else None

    def __init__(
        self,
        *,
        path: str | None = None,
        label: str | None = None,
        columns: dict[str, Choice] = {},  # noqa: B006 - only read
        others: Literal["infer", "ignore"] = "infer",
        max_categories: PositiveInt = 100,
        hash_buckets: Annotated[int, Field(ge=2)] = 32,
        missing: list[str] | None = None,
        separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None,
        decimal: Literal[".", ","] | None = None,
        thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None,
        date_format: str | None = None,
        encoding: str | None = None,
        header: bool | None = None,
    ) -> None:
        self._path = path
        self._options = TableOptions(
            label=label,
            columns=dict(columns),
            others=others,
            max_categories=max_categories,
            hash_buckets=hash_buckets,
            missing=MISSING if missing is None else tuple(missing),
            date_format=date_format,
            decimal=decimal,
            thousands=thousands,
        )
        self._text = {"separator": separator, "encoding": encoding, "header": header}

    def read_like(self, like: DataDescription) -> Table:
        """Return the table that is read by the columns of a model: nothing is inferred, and no other is looked at.

        The model's label may be absent or empty, since it is no input.

        Raises:
            DataError: the model was trained on images.
        """
        if like.is_image:
            raise DataError(
                f"expected images, on which the model was trained (shape {like.shape}), got a table",
                where="data",
                remedy="Name a folder of images, or a file of arrays; for a table, a model that was trained on one.",
            )
        if not like.columns:
            return self
        label = self._options.label or like.label
        other = copy.copy(self)
        other._options = replace(
            self._options, known=like.columns, label=label, label_optional=label is not None and label == like.label
        )
        return other

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the splits that the file has: usually all rows as ``train``."""
        if self._path is None:
            raise DataError(
                "missing",
                where="path",
                remedy="Name the file, or train on a DataFrame: `zoo.train(recipe, data=frame)`.",
            )
        return self._collected(sources_of(self._path, self._options, self._text, note), note)

    def collection_of(self, frames: Mapping[str, Any], note: Callable[[str], None]) -> Collection:
        """Return DataFrames in memory, by split, as the same table in a file."""
        names = {split: "the DataFrame" if len(frames) == 1 else f"the DataFrame of {split}" for split in frames}
        return self._collected({split: FrameSource(frame, names[split]) for split, frame in frames.items()}, note)

    def _collected(self, sources: dict[str, Source], note: Callable[[str], None]) -> Collection:
        tables = read_tables(sources, self._options)
        for split, table in tables.items():
            if table.missing:
                rows = f"{len(table.examples):,}"
                counts = ", ".join(f"{count:,} of {rows} in {name}" for name, count in [*table.missing.items()][:10])
                note(f"{sources[split].name}: missing values are kept as missing: {counts}")
        first = tables["train"]
        return Collection(
            splits={split: Stored(table.examples, table.labels) for split, table in tables.items()},
            stored_range=None,
            class_names=first.class_names,
            columns=first.columns,
            label=None if first.labels is None else self._options.label,
            title=Path(sources["train"].name).name,
        )
