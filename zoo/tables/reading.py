"""From a source of blocks of rows to stored numbers: columns are inferred in one pass and read in a second."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError, ZooWarning
from zoo.spec.column_description import ColumnDescription
from zoo.tables.coding import UnknownValues, encode, without_missing_texts
from zoo.tables.frames import frame_names, frame_values
from zoo.tables.inference import ColumnPlan, in_order, plan_column, plan_known
from zoo.tables.number_styles import style_of_file
from zoo.tables.options import TableOptions
from zoo.tables.scan import ColumnScan
from zoo.tables.values import Array, ColumnValues

Block = Callable[[int], ColumnValues]
"""Some rows: the values of the column at a place."""
ROWS_AT_ONCE = 50_000


class Source(ABC):
    """Rows of a table that can be iterated over more than once.

    Attributes:
        name: what messages call it.
        names: of its columns.
    """

    name: str
    names: Sequence[str]

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks, in their order."""


class FrameSource(Source):
    """A DataFrame of pandas or polars.

    Raises:
        DataError: two columns have the same name, or there are no rows.
    """

    def __init__(self, frame: object, name: str = "the DataFrame") -> None:
        self._frame, self.name = frame, name
        self.names = frame_names(frame)
        if not len(frame):  # type: ignore[arg-type]
            raise DataError(f"{name} has no rows", where="data")

    def blocks(self) -> Iterator[Block]:
        """Yield all rows as one block: they are in memory already."""
        yield lambda place: frame_values(self._frame, place)


@dataclass(frozen=True)
class Table:
    """A table as it is stored.

    Attributes:
        columns: what its columns mean.
        examples: (N, C) float64, NaN where a value is missing.
        labels: (N,) int64 class numbers, or None.
        class_names: of the label.
        names: the name of each row, or None.
        missing: how many values each column misses.
    """

    columns: tuple[ColumnDescription, ...]
    examples: Tensor
    labels: Tensor | None
    class_names: tuple[str, ...]
    names: tuple[str, ...] | None = None

    @property
    def missing(self) -> dict[str, int]:
        """How many values each column misses, of those that miss any."""
        counts = self.examples.isnan().sum(0).tolist()
        return {column.name: count for column, count in zip(self.columns, counts, strict=True) if count}


def read_tables(sources: dict[str, Source], options: TableOptions) -> dict[str, Table]:
    """Read the splits of a table; columns are inferred from the first, and all are read by what was found there.

    Raises:
        DataError: a column or a value is not as expected; names it.
    """
    first = next(iter(sources.values()))
    used = options.chosen(first.names, first.name)
    plans, label_names = _known(first, options) if options.known else _inferred(first, used, options)
    columns = tuple(plan.description for plan in plans)
    unknown = UnknownValues()
    tables: dict[str, Table] = {}
    labels = {}
    for split, source in sources.items():
        named = [options.row_name, None if options.label_optional else options.label]
        _check_columns(source, [*used, *(name for name in named if name)])
        examples, labels[split], names = _read(source, plans, options, unknown)
        tables[split] = Table(columns, examples, None, (), names)
    classes = {split: [text for text in texts if text is not None] for split, texts in labels.items()}
    if options.label is not None and _have_classes(labels, sources, options.label):
        class_names = tuple(in_order({text for texts in classes.values() for text in texts} | set(label_names)))
        numbers = {name: number for number, name in enumerate(class_names)}
        for split, table in tables.items():
            found = torch.tensor([numbers[text] for text in classes[split]], dtype=torch.int64)
            tables[split] = replace(table, labels=found, class_names=class_names)
    unknown.warn()
    return tables


def _check_columns(source: Source, names: Sequence[str]) -> None:
    lacking = [name for name in names if name not in source.names]
    if lacking:
        raise DataError(
            f"{source.name} has no column {lacking[0]!r}",
            where="columns",
            remedy="All splits have the same columns; one whose values are not known may be empty.",
        )


def _known(source: Source, options: TableOptions) -> tuple[list[ColumnPlan], list[str]]:
    """Go through the rows once and return how the columns of a model are written."""
    described = {column.name: column for column in options.known if column.type in ("numeric", "integer")}
    scans = {
        name: ColumnScan(name, column.type, options.max_categories, options.date_format)
        for name, column in described.items()
    }
    places = {name: list(source.names).index(name) for name in described}
    for block in source.blocks():
        for name, scan in scans.items():
            scan.update(without_missing_texts(block(places[name]), described[name], options.missing))
    of_file = style_of_file(scans.values(), options)
    plans = [plan_known(column, scans.get(column.name), options, of_file) for column in options.known]
    return plans, []


def _have_classes(labels: Mapping[str, Sequence[str | None]], sources: Mapping[str, Source], name: str) -> bool:
    """Whether all rows of all splits have a class; warn where some have one and others none."""
    lacking = {split: texts.count(None) for split, texts in labels.items() if None in texts}
    if any(lacking.get(split, 0) < len(texts) for split, texts in labels.items()):
        for split, count in lacking.items():
            warnings.warn(
                f"{count:,} of {len(labels[split]):,} rows of {sources[split].name} have no class in {name!r}: the "
                "data are used without classes",
                ZooWarning,
                stacklevel=3,
            )
    return not lacking


def _inferred(source: Source, used: Sequence[str], options: TableOptions) -> tuple[list[ColumnPlan], list[str]]:
    """Go through the rows once and return what each column means, and the classes."""
    scans = [ColumnScan(name, options.columns.get(name), options.max_categories, options.date_format) for name in used]
    places = [list(source.names).index(name) for name in used]
    label_name = options.label
    label = None if label_name is None else _label_scan(label_name)
    rows = 0
    for block in source.blocks():
        for scan, place in zip(scans, places, strict=True):
            scan.update(block(place))
        if label is not None and label_name is not None:
            label.update(_texts(block, source, label_name))
        rows = scans[0].count
    if not rows:
        raise DataError(f"{source.name} has no rows", where="data")
    of_file = style_of_file(scans, options)
    plans = [plan_column(scan, options, of_file) for scan in scans]
    return plans, [] if label is None else _checked_classes(label)


def _label_scan(name: str) -> ColumnScan:
    return ColumnScan(name, "categorical", 1_000_000, None)


def _texts(block: Block, source: Source, column: str) -> ColumnValues:
    return block(list(source.names).index(column)).as_texts()


def _checked_classes(scan: ColumnScan) -> list[str]:
    if scan.missing:
        raise DataError(
            f"expected a class in every row, got {scan.missing:,} of {scan.count:,} rows without a value in "
            f"{scan.name!r}",
            where="label",
            remedy="Give them a class of their own, such as `unknown`, or leave those rows out.",
        )
    if scan.count >= 10 and len(scan.distinct) > scan.count / 2:
        raise DataError(
            f"expected classes, got {len(scan.distinct):,} different values in {scan.count:,} rows of {scan.name!r}",
            where="label",
            remedy="A quantity is a column like any other: leave `label` out.",
        )
    return [*scan.declared, *(text for text in scan.distinct if text not in scan.declared)]


def _read(
    source: Source, plans: Sequence[ColumnPlan], options: TableOptions, unknown: UnknownValues
) -> tuple[Tensor, list[str | None], tuple[str, ...] | None]:
    """Return the rows as stored numbers (N, C), the texts of the labels, and the names of the rows."""
    places = [list(source.names).index(plan.description.name) for plan in plans]
    parts: list[Array] = []
    labels: list[str | None] = []
    names: list[str] = []
    rows = 0
    for block in source.blocks():
        found = []
        for plan, place in zip(plans, places, strict=True):
            values = block(place)
            if options.known:
                values = without_missing_texts(values, plan.description, options.missing)
            found.append(encode(values, plan, unknown, rows + 1))
        parts.append(np.stack(found, axis=1))
        if options.label is not None and options.label not in source.names:
            labels.extend([None] * len(found[0]))
        elif options.label is not None:
            values = _texts(block, source, options.label)
            if values.missing.any() and not options.label_optional:
                row = rows + 1 + int(np.flatnonzero(values.missing)[0])
                raise DataError(f"row {row} of {source.name} has no class in {options.label!r}", where="label")
            labels.extend(values.values.tolist())
        if options.row_name is not None:
            names.extend("" if name is None else name for name in _texts(block, source, options.row_name).values)
        rows += len(found[0])
    if not rows:
        raise DataError(f"{source.name} has no rows", where="data")
    return torch.from_numpy(np.concatenate(parts)), labels, None if options.row_name is None else tuple(names)
