"""Data in memory of every form, type and size, drawn at random: arrays, tensors, tables, lists and what is no data."""

from __future__ import annotations

import datetime
import decimal
import fractions
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch
from torch.utils.data import DataLoader, TensorDataset

NUMBERS: list[Any] = [
    0, 1, -1, 255, 256, -129, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.5, 1e-320, 1e-30,
    1e30, 3.5e38, 1e300, float("nan"), float("inf"), -float("inf"), True, False, 1j, decimal.Decimal("0.1"),
    fractions.Fraction(1, 3), np.float16(1), np.int8(-1), np.uint64(2**64 - 1), np.longdouble("1e4000"),
]  # fmt: skip
OTHERS: list[Any] = [
    None, "", "a", "0", "1.5", "nan", "-", "\x1b[2J", "\x00", "\ud800", "a" * 9999, b"b", b"\xff", [], [1, 2], {},
    {"a": 1}, (), object(), int, datetime.date(2020, 1, 2), datetime.datetime(1, 1, 1), datetime.timedelta(1),
    pandas.NaT, pandas.NA, Path(), np.datetime64("NaT"), np.datetime64("2020-01-01T00:00:00.000000001"), slice(1), ...,
]  # fmt: skip
TYPES = "? b B h H i I l L e f d g F D O U3 S3 M8[D] m8[s] V4"
SHAPES = [
    *[(24, 4)] * 3, (24, 1, 8, 8), (24, 8, 8), (0, 4), (1, 4), (24, 0), (24,), (), (24, 4, 1), (2, 3, 5, 7),
    (24, 1, 1, 1, 1),
]  # fmt: skip
NAMES: list[Any] = [
    "x", "y", "", "label", "\x1b[31m", "a\nb", "row", "missing", 0, 1, None, 1.5, ("a", "b"), "x" * 500, "../x",
]  # fmt: skip
COLUMN_TYPES = ("category", "Int64", "boolean", "string", "object", "f2", "u1")


def value_of(source: random.Random) -> Any:
    """Return data of some form."""
    kind = source.choices(list(FORMS), weights=list(FORMS.values()))[0]
    return kind(source)


def scalar_of(source: random.Random) -> Any:
    """Return a number, mostly."""
    return source.choice(NUMBERS) if source.random() < 0.7 else source.choice(OTHERS)


def array_of(source: random.Random) -> Any:
    """Return an array of 24 rows of four numbers, or nearly one."""
    shape, wanted = source.choice(SHAPES), source.choice(TYPES.split()) if source.random() < 0.5 else "f"
    normal: Any = np.random.default_rng(source.randrange(2**32)).normal(size=shape)
    with np.errstate(all="ignore"):
        try:
            array = np.asarray(normal * source.choice((1, 1, 0, 1e-30, 1e30, 1e200))).astype(wanted)
        except (TypeError, ValueError):
            array = np.zeros(shape, wanted)
        for _ in range(source.choice((0, 0, 1, 3, 100)) if array.size else 0):
            try:
                array[tuple(source.randrange(size) for size in shape)] = scalar_of(source)
            except Exception:  # a value that an array of this type cannot hold
                continue
    return source.choice(_LAID_OUT)(array)


def tensor_of(source: random.Random) -> Any:
    """Return a tensor of some kind, or a data set of torch."""
    array = array_of(source)
    try:
        tensor = torch.from_numpy(array.copy())
    except (TypeError, ValueError):
        return array
    how: list[Callable[[Any], Any]] = [
        lambda tensor: tensor,
        lambda tensor: tensor.to_sparse(),
        lambda tensor: tensor.to("meta"),
        lambda tensor: tensor.to(torch.bfloat16).requires_grad_(),
        lambda tensor: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
        TensorDataset,
        lambda tensor: DataLoader(TensorDataset(tensor)),
        lambda tensor: TensorDataset(tensor, torch.arange(len(tensor)) % 2),
    ]
    try:
        return source.choice(how)(tensor)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return tensor


def frame_of(source: random.Random) -> Any:
    """Return a table with the columns of the door's model, or with others."""
    rows, own = source.choice((24, 24, 24, 1, 0)), source.random() < 0.5
    names: list[Any] = ["a", "b", "c", "d", "kind"] if own else [source.choice(NAMES) for _ in range(4)]
    frame = pandas.DataFrame({place: column_of(source, rows) for place in range(len(names))})
    frame.columns = pandas.Index(names) if source.random() < 0.9 else pandas.MultiIndex.from_product([names, ["z"]])
    if source.random() < 0.1:
        frame.index = pandas.Index([scalar_of(source) for _ in range(rows)], dtype=object)
    return frame


def column_of(source: random.Random, rows: int) -> Any:
    """Return a column of a table."""
    numbers = pandas.Series([float(row) for row in range(rows)], dtype="f8")
    how = source.randrange(8)
    if how == 0:
        return pandas.Series([scalar_of(source) for _ in range(rows)], dtype=object)
    if how == 1:
        try:
            return numbers.astype(source.choice(COLUMN_TYPES))
        except (TypeError, ValueError):
            return numbers
    if how == 2:
        return pandas.Series([source.choice(("u", "v", "w", "", "\x1b")) for _ in range(rows)], dtype=object)
    if how == 3:
        return pandas.date_range("2020", periods=rows, tz=source.choice((None, "UTC")))
    if how == 4:
        return [source.choice((0.0, float("nan"), float("inf"), 1e300)) for _ in range(rows)]
    return numbers


def list_of(source: random.Random) -> Any:
    """Return rows in lists, or a list of scalars."""
    rows = source.choice((0, 1, 3, 24))
    if source.random() < 0.5:
        return [scalar_of(source) for _ in range(rows)]
    return [[scalar_of(source) for _ in range(source.choice((4, 4, 4, 3)))] for _ in range(rows)]


def splits_of(source: random.Random) -> Any:
    """Return a mapping of splits, or one that is none."""
    names: Sequence[Any] = source.choice(
        (["train"], ["train", "test"], ["train", "validation", "test"], ["x", "y"], [1], [None], [])
    )
    return {name: value_of(source) for name in names}


def tuple_of(source: random.Random) -> Any:
    """Return examples and labels in a tuple, or more or fewer of them."""
    return tuple(array_of(source) for _ in range(source.choice((0, 1, 2, 2, 2, 3))))


def masked_of(source: random.Random) -> Any:
    """Return a masked array."""
    array = array_of(source)
    return np.ma.masked_array(array, mask=source.choice((True, False))) if array.dtype.kind in "fiub" else array


def _big_endian(array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder(">")) if array.dtype.kind in "iufc" else array


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


_LAID_OUT: list[Callable[[Any], Any]] = [
    *[lambda array: array] * 6,
    lambda array: array[::-1] if array.ndim else array,
    np.asfortranarray,
    _big_endian,
    lambda array: np.broadcast_to(array[:1], (24, *array.shape[1:])) if array.ndim and len(array) else array,
    _read_only,
]
FORMS: dict[Callable[[random.Random], Any], int] = {
    array_of: 6, frame_of: 4, tensor_of: 2, list_of: 2, splits_of: 1, tuple_of: 1, masked_of: 1, scalar_of: 1,
}  # fmt: skip
