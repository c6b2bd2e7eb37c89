"""Tables in files."""

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
    """Tables with columns of different types, from CSV, TSV or Parquet files, or from data sets of Hugging Face.

    Choose it for measurements and records: numbers, categories, booleans and dates, some of which may be missing. The
    type of a column is inferred or can be stated, and determines its distribution in the likelihood ``columns``.
    Numbers and dates are standardised, categories are one-hot encoded. Missing values are kept as missing: the
    likelihood leaves them out, and the encoder sees which values were observed. Columns of free text are refused.

    Types, categories, means and standard deviations are learned from the training data and saved with the model. Other
    tables are read with them: columns are found by name, additional columns are ignored, and an unknown category is
    treated as missing, with a warning.

    Args:
        path: a ``.csv``, ``.tsv``, ``.txt`` or ``.parquet`` file; a folder that ``datasets`` of Hugging Face has saved;
            or ``hf://datasets/USER/NAME``, which is downloaded.
        label: the column of the classes, which is not part of the examples.
        row_name: the column with the names of the rows, which are shown in results such as those of ``zoo.score``; it
            is not part of the examples.
        columns: the type of columns by name: ``numeric``, ``integer``, ``boolean``, ``categorical``, ``date``;
            ``hash``, which maps texts to ``hash_buckets`` categories; or ``ignore``.
        others: whether the type of columns that ``columns`` does not name is inferred, or they are ignored.
        max_categories: largest number of categories of a column.
        hash_buckets: number of categories of a hashed column.
        missing: texts that stand for a missing value; null: the empty text, ``NA``, ``NaN``, ``null``, ``?`` and
            others.
        separator: separator between values; null: detected.
        decimal: decimal separator; null: detected.
        thousands: thousands separator; null: a comma is detected, and a point if the decimal separator is a comma.
        date_format: format of dates, as in Python's ``strptime``; null: 2026-07-31 or 2026-07-31T12:30.
        encoding: encoding of the text; null: UTF-8.
        header: whether the first line contains the names of the columns; null: yes, and a first line that looks like
            values is refused.

    Shapes:
        stored rows (N, columns), float64; the model sees (B, W), with one value for each category of a categorical
        column.

    Raises:
        DataError: the file or a column is missing, a column has mixed types or free text, or a value is infinite or not
            of the column's type; the message names the file, column and row.

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
        """Return the option for a text or Parquet file, or for a data set on the Hugging Face Hub."""
        return {"path": path} if path.startswith(HUB) or path.lower().endswith(ENDINGS) else None

    def __init__(
        self,
        *,
        path: str | None = None,
        label: str | None = None,
        row_name: str | None = None,
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
            row_name=row_name,
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

    def adapted_to(self, like: DataDescription) -> Table:
        """Return a table that is read with the columns of a model: nothing is inferred, other columns are ignored.

        The column of the model's label may be missing or empty, and that of the row names missing, since neither is an
        input.

        Raises:
            DataError: the model was trained on images.
        """
        if like.is_image:
            raise DataError(
                f"expected images of shape {like.shape}, as in training, got a table",
                where="data",
                remedy="Pass a folder of images or a file of arrays, or use a model that was trained on a table.",
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
        """Return the splits of the file or data set; a single file contains only ``train``."""
        if self._path is None:
            raise DataError(
                "expected the path of a table, got none",
                where="path",
                remedy="Set `path`, or train on a DataFrame: `zoo.train(recipe, data=frame)`.",
            )
        return self._collected(sources_of(self._path, self._options, self._text, note), note)

    def collection_of(self, frames: Mapping[str, Any], note: Callable[[str], None]) -> Collection:
        """Return DataFrames in memory, by split, in the same form as a table in a file."""
        names = {split: "the DataFrame" if len(frames) == 1 else f"the DataFrame of {split}" for split in frames}
        return self._collected({split: FrameSource(frame, names[split]) for split, frame in frames.items()}, note)

    def _collected(self, sources: dict[str, Source], note: Callable[[str], None]) -> Collection:
        options, first = self._options, next(iter(sources.values()))
        if options.known and options.row_name is not None and options.row_name not in first.names:
            note(f"{first.name}: rows are numbered, because there is no column {options.row_name!r} with their names")
            options = replace(options, row_name=None)
        tables = read_tables(sources, options)
        for split, table in tables.items():
            if table.missing:
                rows = f"{len(table.examples):,}"
                counts = ", ".join(f"{count:,} of {rows} in {name}" for name, count in [*table.missing.items()][:10])
                note(f"{sources[split].name}: missing values are kept as missing: {counts}")
        train = tables["train"]
        return Collection(
            splits={split: Stored(table.examples, table.labels, table.names) for split, table in tables.items()},
            stored_range=None,
            class_names=train.class_names,
            columns=train.columns,
            label=None if train.labels is None else self._options.label,
            title=Path(sources["train"].name).name,
        )
