"""Converts the rows of a DataFrame to stored numbers, according to the columns that a model knows, and back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import InputError
from zoo.spec.column_description import ColumnDescription
from zoo.spec.data_description import DataDescription
from zoo.tables.coding import UnknownValues, decode, encode, plan_of, without_missing_texts
from zoo.tables.columns import check_columns
from zoo.tables.frames import frame_names, frame_values
from zoo.tables.values import Array
from zoo.utils.libraries import import_library


def rows_of_frame(frame: Any, data: DataDescription) -> Tensor:
    """Return the columns of a DataFrame that a model knows as stored numbers (N, C), float64, with NaN where missing.

    Columns are found by name, in any order; others are ignored. An unknown category is treated as missing, with a
    warning.

    Raises:
        DataError: a column is missing, or a value is not of its column's type.

    Example:
        >>> import pandas
        >>> pet = {"name": "pet", "type": "categorical", "categories": ["cat", "dog"]}
        >>> rows_of_frame(pandas.DataFrame({"pet": ["dog", None]}), DataDescription(shape=(2,), columns=[pet]))
        tensor([[1.],
                [nan]], dtype=torch.float64)
    """
    present = frame_names(frame)
    check_columns(data.column_names, present, "the DataFrame", where="raw")
    unknown = UnknownValues()
    stored = []
    for column in data.columns:
        values = frame_values(frame, present.index(column.name))
        values = without_missing_texts(values, column)
        stored.append(encode(values, plan_of(column, values), unknown))
    unknown.warn()
    return torch.from_numpy(np.stack(stored, axis=1))


def rows_to_form(stored: Tensor, data: DataDescription, form: str) -> Any:
    """Return stored rows (N, C) as a DataFrame of the original values, or as an array or tensor.

    An array has a numeric dtype if all columns are numbers, else it contains objects. A tensor contains the stored
    numbers.

    Args:
        form: ``pandas``, ``polars``, ``array`` or ``tensor``.

    Raises:
        InputError: the form is unknown, or its library is not installed.
    """
    if form == "tensor":
        return stored.float() if data.stored is not None and data.stored.dtype == "float32" else stored
    as_stored = "float32" if data.stored is not None and data.stored.dtype == "float32" else "float64"
    columns = {
        column.name: _typed(decode(stored[:, number].numpy(), column), column, as_stored)
        for number, column in enumerate(data.columns)
    }
    if form == "array":
        plain = all(values.dtype.kind in "fiu" for values in columns.values())
        return np.stack([values if plain else values.astype(object) for values in columns.values()], axis=1)
    if form == "images":
        raise InputError("expected a form for tables, got 'images'", where="form")
    return frame_of(columns, form, data.columns)


def rounded_rows(stored: Tensor, data: DataDescription) -> Tensor:
    """Round rows (N, C) to the digits that are exact in float32, after they were prepared values.

    Otherwise 5.1 would become 5.09999995. It must not be applied to rows that were never prepared.
    """
    if data.stored is not None and data.stored.dtype == "float32":
        return stored
    rounded, span = stored.clone(), data.scaling.span
    places = itertools.accumulate((column.width for column in data.columns[:-1]), initial=0)
    for number, (column, place) in enumerate(zip(data.columns, places, strict=True)):
        if column.type == "numeric":
            own = span[place if len(span) > 1 else 0]
            rounded[:, number] = torch.from_numpy(_rounded(stored[:, number].numpy(), own))
    return rounded


def _rounded(values: Array, span: float) -> Array:
    """Round values to the digits that float32 can represent in units of ``span``.

    Example:
        >>> _rounded(np.array([5.09999995]), span=0.8)
        array([5.1])
    """
    return np.round(values, 6 - math.ceil(math.log10(span)))


def frame_of(columns: Mapping[str, Array], form: str, known: tuple[ColumnDescription, ...] = ()) -> Any:
    """Return a DataFrame of pandas or polars.

    Args:
        columns: the values of each column.
        form: ``pandas`` or ``polars``.
        known: descriptions of the columns, which determine their dtypes.

    Raises:
        InputError: the form is unknown, or its library is not installed.
    """
    if form not in ("pandas", "polars"):
        raise InputError(f"unknown form {form!r}", where="form", remedy="Forms: array, tensor, pandas, polars, images.")
    library = import_library(
        form, f"the form {form!r}", install=f'pip install {form}, or use `form="array"`.', where="form"
    )
    described = {column.name: column for column in known}
    make = _pandas_column if form == "pandas" else _polars_column
    return library.DataFrame({name: make(library, values, described.get(name)) for name, values in columns.items()})


def _typed(values: Array, column: ColumnDescription, as_stored: str) -> Array:
    """Return the values of a column with its NumPy dtype, or as objects if the dtype has no missing values."""
    if column.given_as is None and column.is_measured and column.type != "date":
        return values.astype(as_stored)
    wanted = {"integer": "int64", "boolean": "bool", "float": "float64"}.get(column.given_as or "")
    if wanted is None or values.dtype.kind == "M":
        return values
    missing = np.array([value is None or value != value for value in values], dtype=bool)
    if wanted == "float64":
        return np.where(missing, np.nan, np.where(missing, 0.0, values).astype("float64"))
    if not missing.any():
        return values.astype(wanted)
    objects = values.astype(object)
    objects[~missing] = values[~missing].astype(wanted).astype(object)
    objects[missing] = None
    return objects


def _pandas_column(pandas: Any, values: Array, column: ColumnDescription | None) -> Any:
    given_as = None if column is None else column.given_as
    if given_as == "category" and column is not None:
        return pandas.Categorical(values, categories=list(column.categories))
    if values.dtype.kind == "M":
        series = pandas.Series(values)
        zone = None if column is None else column.timezone
        return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)
    if values.dtype == object:
        nullable = {"integer": "Int64", "boolean": "boolean", "text": "str"}.get(given_as or "")
        return pandas.Series(list(values), dtype=nullable)
    return pandas.Series(values)


def _polars_column(polars: Any, values: Array, column: ColumnDescription | None) -> Any:
    given_as = None if column is None else column.given_as
    if values.dtype.kind == "M":
        moments = polars.Series(values.astype("datetime64[us]"))
        zone = None if column is None else column.timezone
        if given_as == "date":
            return moments.cast(polars.Date)
        return moments if zone is None else moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    if given_as == "category" and column is not None:
        return polars.Series(list(values), dtype=polars.Enum(list(column.categories)))
    if values.dtype == object:
        dtype = {"integer": polars.Int64, "boolean": polars.Boolean, "text": polars.String}.get(given_as or "")
        return polars.Series(list(values), dtype=dtype)
    return polars.Series(values)
