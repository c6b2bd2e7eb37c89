"""Encodes the columns of a table as the values that a model sees: categories become one-hot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.spec.column_description import ColumnDescription
from zoo.tables.columns import check_columns
from zoo.tables.values import text_of


class ColumnEncoding:
    """Maps stored rows (B, C), with one number for each column, to values (B, W), with one for each category.

    A missing value is NaN in the stored row, and in all values of its column.

    Args:
        columns: the columns to return, in order.
        places: for each of them, the index of the stored column; None: the stored columns have the same order.
        numbers: for columns whose stored categories are numbered differently, by index of the column: a tensor (n,)
            with the number of each stored category in ``columns``, NaN for an unknown category.

    Example:
        >>> pet = ColumnDescription(name="pet", type="categorical", categories=("cat", "dog"))
        >>> encoding = ColumnEncoding([ColumnDescription(name="age"), pet])
        >>> values = encoding(torch.tensor([[3.0, 1.0], [torch.nan, 0.0]]))
        >>> values, encoding.undo(values)
        (tensor([[3., 0., 1.],
                [nan, 1., 0.]]), tensor([[3., 1.],
                [nan, 0.]]))
    """

    def __init__(
        self,
        columns: Sequence[ColumnDescription],
        places: Sequence[int] | None = None,
        numbers: Mapping[int, Tensor] | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self._places = None if places is None else torch.tensor(places, dtype=torch.int64)
        self._category_codes = dict(numbers or {})
        widths = [column.width for column in columns]
        self.width = sum(widths)
        starts = [sum(widths[:place]) for place in range(len(widths))]
        wide = [place for place, column in enumerate(columns) if column.type == "categorical"]
        self._single = [place for place in range(len(widths)) if place not in set(wide)]
        self._wide = torch.tensor(wide, dtype=torch.int64)
        self._singles = torch.tensor(self._single, dtype=torch.int64)
        self._single_starts = torch.tensor([starts[place] for place in self._single], dtype=torch.int64)
        self._wide_starts = torch.tensor([starts[place] for place in wide], dtype=torch.int64)
        owners = [number for number, place in enumerate(wide) for _ in range(widths[place])]
        self._owners = torch.tensor(owners, dtype=torch.int64)
        self._entries = torch.tensor(
            [starts[place] + entry for place in wide for entry in range(widths[place])], dtype=torch.int64
        )
        self._counts = torch.tensor([widths[place] for place in wide])
        self._spans = [(starts[place], starts[place] + widths[place]) for place in wide]

    def name_of(self, value: int) -> str:
        """Return the name of the column that the value at an index, from 0 to W - 1, belongs to."""
        owners = (column.name for column in self.columns for _ in range(column.width))
        return next(name for place, name in enumerate(owners) if place == value)

    @property
    def measured(self) -> Tensor:
        """Which of the values are quantities, which can be scaled: (W,) bool."""
        return torch.tensor([column.is_measured for column in self.columns for _ in range(column.width)])

    def __call__(self, stored: Tensor) -> Tensor:
        """Map stored rows (B, C) to values (B, W) of the same dtype.

        Raises:
            DataError: a categorical column has a value that is not the number of a category; checked only on the CPU.
        """
        if self._places is not None:
            stored = stored.index_select(1, self._places)
        for place, numbers in self._category_codes.items():
            codes = stored[:, place]
            # The last entry, NaN, is for missing values.
            index = torch.where(codes.isnan(), len(numbers), codes).long().clamp(0, len(numbers))
            known = torch.cat([numbers, numbers.new_full((1,), torch.nan)])
            stored = stored.clone()
            stored[:, place] = known.to(stored.dtype)[index]
        if not len(self._wide):
            return stored
        values = stored.new_zeros(len(stored), self.width)
        values.index_copy_(1, self._single_starts, stored.index_select(1, self._singles))
        codes = stored.index_select(1, self._wide)
        missing = codes.isnan()
        if codes.device.type == "cpu":
            self._check_codes(torch.where(missing, 0.0, codes))
        values.scatter_(1, torch.where(missing, 0.0, codes).long() + self._wide_starts, 1.0)
        entries = values.index_select(1, self._entries)
        absent = missing.index_select(1, self._owners)
        return values.index_copy_(1, self._entries, torch.where(absent, torch.nan, entries))

    def _check_codes(self, codes: Tensor) -> None:
        wrong = ((codes < 0) | (codes >= self._counts) | (codes != codes.floor())).nonzero()
        if len(wrong):
            row, place = wrong[0].tolist()
            column = self.columns[int(self._wide[place])]
            raise DataError(
                f"expected the number of a category, from 0 to {column.width - 1}, in the column {column.name!r}, got "
                f"{codes[row, place].item():g}",
                where="data",
                remedy="Pass a table with the names of the categories, such as a DataFrame or a CSV file.",
            )

    def undo(self, values: Tensor) -> Tensor:
        """Map values (B, W) to stored rows (B, C): the category with the largest value is chosen."""
        if not len(self._wide):
            return values
        stored = values.new_empty(len(values), len(self.columns))
        stored[:, self._singles] = values[:, self._single_starts]
        for place, (start, stop) in zip(self._wide.tolist(), self._spans, strict=True):
            entries = values[:, start:stop]
            chosen = entries.nan_to_num().argmax(1).to(values.dtype)
            stored[:, place] = torch.where(entries.isnan().any(1), torch.nan, chosen)
        return stored

    def to(self, device: torch.device) -> ColumnEncoding:
        """Return this encoding with its tensors on ``device``."""
        other = object.__new__(ColumnEncoding)
        for name, value in vars(self).items():
            setattr(other, name, value.to(device) if isinstance(value, Tensor) else value)
        other._category_codes = {place: numbers.to(device) for place, numbers in self._category_codes.items()}
        return other

    @classmethod
    def between(cls, own: Sequence[ColumnDescription], known: Sequence[ColumnDescription]) -> ColumnEncoding:
        """Return the encoding of rows with the columns ``own`` for a model that knows the columns ``known``.

        Columns and categories are matched by name. A category that the model does not know becomes a missing value.

        Raises:
            DataError: a column is missing, or has another type.

        Example:
            >>> def pets(*names):
            ...     return [ColumnDescription(name="pet", type="categorical", categories=names)]
            >>> ColumnEncoding.between(pets("cow", "dog"), pets("cat", "dog"))(torch.tensor([[1.0], [0.0]]))
            tensor([[0., 1.],
                    [nan, nan]])
        """
        names = [column.name for column in own]
        check_columns([column.name for column in known], names, "the table")
        places = [names.index(column.name) for column in known]
        numbers: dict[int, Tensor] = {}
        for place, column in enumerate(known):
            mapping = _mapping(own[places[place]], column)
            if mapping is not None:
                numbers[place] = mapping
        return cls(known, None if places == [*range(len(own))] else places, numbers)

    def unknown(self, own: Sequence[ColumnDescription], stored: Tensor) -> dict[str, list[str]]:
        """Return the unknown categories in stored rows (N, C) with the columns ``own``, by the name of the column."""
        found: dict[str, list[str]] = {}
        for place, numbers in self._category_codes.items():
            column = own[place if self._places is None else int(self._places[place])]
            codes = stored[:, place if self._places is None else int(self._places[place])]
            present = torch.zeros(len(numbers), dtype=torch.bool)
            present[codes[~codes.isnan()].long()] = True
            unknown = (present & numbers.isnan()).nonzero().flatten().tolist()
            if unknown:
                names = column.categories or ("False", "True")
                found[column.name] = [names[number] for number in unknown]
        return found


def _mapping(own: ColumnDescription, known: ColumnDescription) -> Tensor | None:
    """Return the number (n,) of each stored category among the known ones; None if both are numbered in the same way.

    Raises:
        DataError: the columns have different types.
    """
    if known.type in ("categorical", "boolean") and own.type in ("categorical", "boolean"):
        theirs, mine = _texts(known), _texts(own)
        if theirs == mine:
            return None
        index = {text: float(number) for number, text in enumerate(theirs)}
        return torch.tensor([index.get(text, torch.nan) for text in mine], dtype=torch.float64)
    quantities = ("numeric", "integer")
    if own.type == known.type or (own.type in (*quantities, "boolean") and known.type in quantities):
        return None
    raise DataError(
        f"expected the type {known.type!r} of the column {known.name!r}, as in training, got {own.type!r}",
        where="columns",
        remedy=f"State its type, `columns: {{{known.name}: {known.type}}}`, or pass `like=model.data`.",
    )


def _texts(column: ColumnDescription) -> tuple[str, ...]:
    if column.type == "categorical":
        return column.categories
    return column.categories or (text_of(0.0, "boolean"), text_of(1.0, "boolean"))
