"""DataFrames of pandas and polars, read column by column without importing either."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.tables.options import setting
from zoo.tables.values import SECONDS_OF_DAY, Array, ColumnValues

_EXACT = 2.0**53
_MICROSECONDS_OF_DAY = SECONDS_OF_DAY * 1_000_000


def is_frame(raw: Any) -> bool:
    """Whether a value is a DataFrame of pandas or polars, found out without importing them."""
    return type(raw).__module__.partition(".")[0] in ("pandas", "polars") and type(raw).__name__ == "DataFrame"


def frame_names(frame: Any) -> list[str]:
    """Return the names of the columns, as texts.

    Raises:
        DataError: two columns have the same name.
    """
    names = [str(name) for name in frame.columns]
    check_names(names)
    return names


def check_names(names: Sequence[str]) -> None:
    """Refuse columns of the same name.

    Raises:
        DataError: names them.
    """
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(
            f"expected columns of different names, got {', '.join(map(repr, twice[:5]))} more than once",
            where="columns",
            remedy="Rename one of them.",
        )


def frame_values(frame: Any, place: int, start: int = 0, stop: int | None = None) -> ColumnValues:
    """Return the values of a column of a DataFrame.

    Args:
        place: which column.
        start: the first row.
        stop: the row after the last.

    Raises:
        DataError: values are of a type that no column has, or of several types.
    """
    name = str(frame.columns[place])
    if type(frame).__module__.partition(".")[0] == "polars":
        return _of_polars(frame.to_series(place)[start:stop], name)
    return _of_pandas(frame.iloc[start:stop, place], name)


def _of_pandas(series: Any, name: str) -> ColumnValues:
    pandas = sys.modules["pandas"]
    types, dtype = pandas.api.types, series.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = _of_pandas(pandas.Series(dtype.categories), name).as_texts().values
        codes = series.cat.codes.to_numpy()
        texts = np.append(categories, [None])[codes]
        return ColumnValues(texts, "text", "category", tuple(categories.tolist()))
    if types.is_bool_dtype(dtype):
        return ColumnValues(series.to_numpy(dtype="float64", na_value=np.nan), "boolean", "boolean")
    if types.is_datetime64_any_dtype(dtype):
        return _of_moments(series, name)
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        return _of_numbers(series.to_numpy(dtype="float64", na_value=np.nan), name, types.is_integer_dtype(dtype))
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        return _of_objects(series, name)
    raise _unknown(name, str(dtype))


def _of_objects(series: Any, name: str) -> ColumnValues:
    pandas = sys.modules["pandas"]
    kind = pandas.api.types.infer_dtype(series, skipna=True)
    present = series.notna().to_numpy()
    if kind in ("string", "empty"):
        texts = np.full(len(series), None, dtype=object)
        texts[present] = series.to_numpy(dtype=object)[present]
        return ColumnValues(texts, "text", "text")
    if kind in ("integer", "floating", "decimal", "mixed-integer-float", "boolean"):
        numbers = np.full(len(series), np.nan)
        try:
            numbers[present] = series.to_numpy(dtype=object)[present].astype("float64")
        except OverflowError as error:
            raise DataError(
                f"expected numbers in 64 bits in the column {name!r}: {error}",
                where="columns",
                remedy=f"Convert the column, or leave it out: {setting(name, 'ignore')}.",
            ) from error
        if kind == "boolean":
            return ColumnValues(numbers, "boolean", "boolean")
        return _of_numbers(numbers, name, whole=kind == "integer")
    if kind in ("date", "datetime", "datetime64"):
        return _of_moments(pandas.to_datetime(series, utc=False), name)
    if kind in ("mixed", "mixed-integer"):
        found = sorted({type(each).__name__ for each in series[present]})
        raise DataError(
            f"expected values of one type in the column {name!r}, got {', '.join(found)}",
            where="columns",
            remedy=f"Convert the column, for example with `.astype(str)`, or leave it out: {setting(name, 'ignore')}.",
        )
    raise _unknown(name, kind)


def _of_moments(series: Any, name: str) -> ColumnValues:
    zone = getattr(series.dtype, "tz", None)
    if zone is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    moments = series.to_numpy(dtype="datetime64[us]")
    return _of_microseconds(moments.astype("int64").astype("float64"), np.isnat(moments), zone)


def _of_microseconds(microseconds: Array, missing: Array, zone: Any) -> ColumnValues:
    days = np.where(missing, np.nan, microseconds / _MICROSECONDS_OF_DAY)
    present = days[~missing]
    whole = bool((present == np.floor(present)).all()) and zone is None
    return ColumnValues(days, "date", "date" if whole else "datetime", timezone=None if zone is None else str(zone))


def _of_numbers(values: Array, name: str, whole: bool) -> ColumnValues:
    if whole and bool((np.abs(values) > _EXACT).any()):
        raise DataError(
            f"the column {name!r} holds whole numbers beyond 2⁵³, which floats cannot tell apart",
            where="columns",
            remedy=f"Identifiers say nothing of a row: leave it out, {setting(name, 'ignore')}.",
        )
    return ColumnValues(values, "number", "integer" if whole else "float")


def _of_polars(series: Any, name: str) -> ColumnValues:
    polars = sys.modules["polars"]
    dtype = series.dtype
    if dtype.is_numeric():
        numbers = series.cast(polars.Float64).to_numpy().copy()
        return _of_numbers(numbers, name, whole=dtype.is_integer())
    if dtype == polars.Boolean:
        return ColumnValues(series.cast(polars.Float64).to_numpy().copy(), "boolean", "boolean")
    if dtype in (polars.Date, polars.Datetime):
        zone = getattr(dtype, "time_zone", None)
        moments = series.cast(polars.Datetime("us", zone)).to_physical().cast(polars.Float64).to_numpy()
        return _of_microseconds(moments, np.isnan(moments), zone)
    if dtype in (polars.String, polars.Categorical, polars.Enum, polars.Null):
        texts = np.array([*series.to_list(), None], dtype=object)[:-1]
        declared = tuple(dtype.categories.to_list()) if dtype == polars.Enum else ()
        return ColumnValues(
            texts, "text", "category" if dtype in (polars.Categorical, polars.Enum) else "text", declared
        )
    raise _unknown(name, str(dtype))


def _unknown(name: str, dtype: str) -> DataError:
    return DataError(
        f"expected numbers, booleans, dates or texts, got the column {name!r} of type {dtype}",
        where="columns",
        remedy=f"Convert it, or leave it out: {setting(name, 'ignore')}.",
    )
