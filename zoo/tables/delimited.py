"""Files of delimited text: CSV, TSV and their variants."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import DataError, cut
from zoo.tables.frames import check_names
from zoo.tables.numbers import STYLES
from zoo.tables.options import TableOptions, missing_texts
from zoo.tables.reading import ROWS_AT_ONCE, Block, Source
from zoo.tables.values import Array, ColumnValues
from zoo.utils.foreign import open_regular, parsing

_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 50
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_LONGEST_FIELD = 10_000_000


class DelimitedSource(Source):
    """A file of delimited text, read in blocks of rows.

    Args:
        path: the file.
        options: how numbers, dates and missing values are written.
        separator: between the values of a row; None: a comma, semicolon, tabulator or bar, whichever divides the first
            rows alike.
        encoding: of the text; None: UTF-8, or UTF-16 with a byte order mark.
        header: whether the first row holds the names of the columns; None: it does, and one that looks like values is
            refused.

    Raises:
        DataError: the file is empty, not of this encoding, has no header, or columns of the same name.
    """

    def __init__(
        self,
        path: Path,
        options: TableOptions,
        *,
        separator: str | None = None,
        encoding: str | None = None,
        header: bool | None = None,
    ) -> None:
        self.path, self.name, self._options = path, path.name, options
        self._encoding = encoding or self._found_encoding()
        with self._reading() as file:
            sample = list(itertools.islice(file, _LOOKED_AT))
        if not any(line.strip() for line in sample):
            raise DataError(f"{path} is empty", where="path", remedy="Check what it points to.")
        self._separator = separator or _separator_of(sample, path, options.decimal)
        self._header = header is not False
        first = self._first_row()
        if header is None:
            self._check_header(first)
        names = [name.strip() for name in first] if self._header else [f"x{place}" for place in range(len(first))]
        self._kept, self.left_out = self._named(names)
        self._width = len(first)
        self.names = [names[place] for place in self._kept]
        check_names(self.names)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks."""
        missing = [self._missing(name) for name in self.names]
        with parsing(self.path, DataError), self._reading() as file:
            rows = self._rows(file)
            while block := list(itertools.islice(rows, ROWS_AT_ONCE)):
                columns = list(zip(*block, strict=True))
                yield lambda place, columns=columns: self._values(columns[self._kept[place]], missing[place])  # type: ignore[misc]

    def _missing(self, name: str) -> frozenset[str]:
        """Return the texts that stand for a missing value in a column; an empty one always does if it is stated."""
        texts = frozenset(self._options.missing)
        column = next((column for column in self._options.known if column.name == name), None)
        return texts if column is None else missing_texts(column, texts) | (texts & {""})

    def _values(self, texts: Sequence[str], missing: frozenset[str]) -> ColumnValues:
        group = self._options.thousands
        distinct = {text: _cleaned(text, missing, group) for text in set(texts)}
        values: Array = np.empty(len(texts), dtype=object)
        values[:] = [distinct[text] for text in texts]
        return ColumnValues(values, "text", "text")

    def _rows(self, file: io.TextIOBase) -> Iterator[list[str]]:
        """Yield the rows of values; empty lines are skipped, except in a table of one column.

        Raises:
            DataError: a row has more or fewer values than the header; names its line.
        """
        reader = self._reader(file)
        line = 0
        try:
            for number, row in enumerate(reader):
                line = reader.line_num
                if number == 0 and self._header:
                    continue
                if not row:
                    if self._width > 1:
                        continue
                    row = [""]
                if len(row) != self._width:
                    raise DataError(
                        f"expected {self._width} values in each row, got {len(row)} in line {line} of {self.path}",
                        where="path",
                        remedy="A value that holds the separator stands in double quotes; a missing one is left empty. "
                        f"The separator is {self._separator!r}; another is stated by `separator`.",
                    )
                yield row
        except csv.Error as error:
            raise DataError(
                f"{self.path} cannot be read beyond line {line}: {error}",
                where="path",
                remedy="Check the quotes of that line: inside a value in double quotes, a quote is written twice.",
            ) from error
        except UnicodeError as error:
            raise self._not_of_encoding(error) from error

    def _reader(self, file: io.TextIOBase) -> Any:
        csv.field_size_limit(_LONGEST_FIELD)
        return csv.reader(file, delimiter=self._separator, skipinitialspace=True, strict=True)

    def _first_row(self) -> list[str]:
        with self._reading() as file:
            try:
                for row in self._reader(file):
                    if row:
                        return list(row)
            except csv.Error as error:
                raise DataError(f"the first line of {self.path} cannot be read: {error}", where="path") from error
        raise DataError(f"{self.path} is empty", where="path", remedy="Check what it points to.")

    def _check_header(self, first: Sequence[str]) -> None:
        numbers = [text for text in first if text.strip() and any(s.pattern.fullmatch(text.strip()) for s in STYLES)]
        if numbers:
            raise DataError(
                f"expected the names of the columns in the first line of {self.path}, got {cut(', '.join(first), 60)!r}"
                ", which look like values",
                where="header",
                remedy="State it: `header: false` names the columns x0, x1, …; `header: true` takes them for names.",
            )

    def _named(self, names: Sequence[str]) -> tuple[list[int], list[str]]:
        """Return the places of the columns that have a name, and a sentence for each that is left out.

        Raises:
            DataError: several columns without a name hold values.
        """
        nameless = [place for place, name in enumerate(names) if not name]
        if not nameless:
            return [*range(len(names))], []
        with self._reading() as file:
            rows = list(itertools.islice(self._rows_of_width(file, len(names)), 1000))
        notes = []
        for place in nameless:
            texts = [row[place].strip() for row in rows]
            if not any(texts):
                notes.append(f"{self.name}: the column {place + 1}, which has neither name nor values, is left out")
            elif texts == [str(number) for number in range(len(texts))] or texts == [
                str(number + 1) for number in range(len(texts))
            ]:
                notes.append(
                    f"{self.path.name}: the column {place + 1}, which has no name and counts rows, is left out"
                )
            else:
                raise DataError(
                    f"the column {place + 1} of {self.path} has no name",
                    where="header",
                    remedy="Name it in the first line; `header: false` names all columns x0, x1, ….",
                )
        return [place for place, name in enumerate(names) if name], notes

    def _rows_of_width(self, file: io.TextIOBase, width: int) -> Iterator[list[str]]:
        self._width = width
        return self._rows(file)

    def _found_encoding(self) -> str:
        with parsing(self.path, DataError), open_regular(self.path) as file:
            start = file.read(4)
        return next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")

    def _reading(self) -> Any:
        return _Text(self)

    def _not_of_encoding(self, error: UnicodeError) -> DataError:
        what = error.reason if isinstance(error, UnicodeDecodeError) else error
        return DataError(
            f"{self.path} is not text in {self._encoding}: {what}",
            where="encoding",
            remedy="State how it is written: `encoding: latin-1` for Western European files of older programs, "
            "`cp1252` for those of Windows, or save it as UTF-8.",
        )


class _Text:
    """The file, opened as text; an error names what is wrong with its encoding."""

    def __init__(self, source: DelimitedSource) -> None:
        self._source = source

    def __enter__(self) -> io.TextIOWrapper:
        try:
            codecs.lookup(self._source._encoding)
        except LookupError as error:
            raise DataError(
                f"unknown encoding {self._source._encoding!r}",
                where="encoding",
                remedy="Usual ones: utf-8, latin-1, cp1252, utf-16, shift_jis.",
            ) from error
        self._file = io.TextIOWrapper(open_regular(self._source.path), encoding=self._source._encoding, newline="")
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, UnicodeError):
            raise self._source._not_of_encoding(error) from error


def _cleaned(text: str, missing: frozenset[str], group: str | None) -> str | None:
    """Return a text without spaces around it, None for a missing value."""
    text = text.strip()
    if text in missing:
        return None
    # A comma or a point between thousands is told by the style of the numbers.
    if group and group not in ",." and group in text:
        digits = text.replace(group, "")
        return digits if digits.lstrip("+-").replace(".", "", 1).replace(",", "", 1).isdigit() else text
    return text


def _separator_of(sample: Sequence[str], path: Path, decimal: str | None) -> str:
    """Return the separator that divides the first rows into the most values, the same number in each."""
    if path.suffix.casefold() in (".tsv", ".tab"):
        return "\t"
    candidates = [separator for separator in _SEPARATORS if separator != decimal]
    best, most = candidates[0], 1
    for separator in candidates:
        try:
            widths = [len(row) for row in csv.reader(sample[:-1] or sample, delimiter=separator) if row]
        except csv.Error:
            continue
        if widths and widths[0] > most and widths.count(widths[0]) >= 0.9 * len(widths):
            best, most = separator, widths[0]
    if most == 1:  # rows of different lengths are refused with their line, which needs the likeliest separator
        return max(candidates, key=lambda separator: sample[0].count(separator))
    return best
