"""The rows that are passed to an estimator of scikit-learn: checks, and the shape of the model's data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from zoo.errors import InputError, cut
from zoo.preparation.raw import tensor_of_numbers
from zoo.tables.frames import frame_names, frame_values, is_frame
from zoo.tables.values import ColumnValues

Array = npt.NDArray[Any]
_REMEDY = (
    'Encode such columns, for example with `OneHotEncoder`, or train with `zoo.fit(frame, "vae-table-8d")`, which '
    "accepts numbers, categories and dates."
)


def validated_rows(validate: Callable[..., Array], x: Any, *, reset: bool, allow_nan: bool, **checks: Any) -> Array:
    """Return rows (n_samples, n_features) of numbers, checked by scikit-learn.

    Args:
        validate: ``validate_data`` of scikit-learn, with the estimator.
        reset: record the number and the names of the columns in the estimator, rather than check them.
        allow_nan: accept NaN.
        checks: further arguments of scikit-learn's ``validate_data``.

    Raises:
        InputError: a value is not a number; the message names it.
        ValueError: scikit-learn refuses the rows.
    """
    if isinstance(x, Tensor):
        x = tensor_of_numbers(x, where="X").numpy()
    finite = "allow-nan" if allow_nan else True
    try:
        rows = validate(x, reset=reset, dtype="numeric", ensure_all_finite=finite, **checks)
    except OverflowError as error:  # an integer that is larger than any floating-point number
        raise InputError(f"expected numbers in 64 bits: {error}", where="X") from error
    except (ValueError, TypeError) as error:
        found = _first_non_number(x)
        if found is None:
            raise
        raise InputError(f"expected numbers, got {found}", where="X", remedy=_REMEDY) from error
    if rows.dtype.kind not in "buif":
        raise InputError(f"expected numbers, got {_first_non_number(x) or rows.dtype}", where="X", remedy=_REMEDY)
    return rows


def folded_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """Return rows (n_samples, n_features) as examples (n_samples, *shape).

    Raises:
        InputError: the number of columns is not that of the values of an example.
    """
    if rows.shape[1] != math.prod(shape):
        raise InputError(
            f"expected {math.prod(shape)} columns, which are reshaped to {shape}, got {rows.shape[1]}",
            where="data_shape",
        )
    return rows.reshape(len(rows), *shape)


def _first_non_number(x: Any) -> str | None:
    """Return the first text or date in rows with its column, in words; None if there is none."""
    if is_frame(x):
        columns = {repr(name): frame_values(x, place) for place, name in enumerate(frame_names(x))}
    else:
        try:
            rows = np.asarray(x)
        except (ValueError, TypeError):  # such as rows of different lengths, which scikit-learn names
            return None
        if rows.ndim != 2 or rows.dtype.kind not in "OUSM":
            return None
        kind: Literal["date", "text"] = "date" if rows.dtype.kind == "M" else "text"
        columns = {str(place): ColumnValues(rows[:, place], kind, kind) for place in range(rows.shape[1])}
    for name, found in columns.items():
        if found.kind == "date":
            return f"dates in the column {name}"
        for value in found.values if found.kind == "text" else ():
            if isinstance(value, str):
                return f"the text {cut(str(value), 40)!r} in the column {name}"
    return None
