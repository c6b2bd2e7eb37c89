"""Converts raw data, such as arrays, DataFrames and images, to tensors of stored examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from zoo.errors import InputError
from zoo.preparation.images import is_pil_image, read_images
from zoo.preparation.rows import rows_of_frame
from zoo.spec.column_description import ColumnDescription
from zoo.spec.data_description import DataDescription
from zoo.spec.preparation_description import StoredDescription
from zoo.tables.frames import frame_names, is_frame

_FORMS = "Pass an array, a tensor, a DataFrame, Pillow images or the names of image files."


def stored_examples(raw: Any, data: DataDescription) -> Tensor:
    """Return raw data as stored examples (B, *stored.shape): uint8, float32, or float64 for tables.

    Args:
        raw: an array, tensor or nested list of one or several examples, a DataFrame, Pillow images or file names.
        data: the description of the model's data, with ``stored``.

    Raises:
        InputError: the type, shape, columns or values are not those of the model's data.

    Example:
        >>> data = DataDescription(shape=(1, 2, 2), stored={"dtype": "uint8", "shape": [1, 2, 2]})
        >>> stored_examples([[0, 255], [10, 20]], data).shape
        torch.Size([1, 1, 2, 2])
    """
    stored = data.stored
    assert stored is not None
    if are_images(raw):
        return read_images(raw, data)
    if is_frame(raw):
        raw = rows_of_frame(raw, data) if data.columns else tensor_of_numbers(raw.to_numpy(), frame_names(raw))
    if not isinstance(raw, Tensor):
        raw = tensor_of_numbers(raw)
    values = dense(raw)
    if values.is_complex():
        raise InputError(f"expected real numbers, got {values.dtype}", where="raw")
    # As for the training data. An overflow becomes infinity, which is refused below.
    of_table = stored.dtype == "float64"
    values = _arranged(values.float() if values.is_floating_point() and not of_table else values, stored)
    _check_values(values, stored, data.columns)
    if of_table:
        return values.double().contiguous()
    whole = not values.is_floating_point() or bool((values == values.round()).all())
    return values.to(torch.uint8 if stored.dtype == "uint8" and whole else torch.float32).contiguous()


def looks_prepared(values: Tensor, data: DataDescription) -> bool:
    """Return whether a tensor contains prepared examples, since it cannot contain raw ones.

    This is so if examples are stored as bytes and the tensor has fractions or negative numbers, or if it has the shape
    of prepared examples and raw ones have another. In doubt, values are taken to be raw.

    Example:
        >>> data = DataDescription(shape=(2,), stored={"dtype": "uint8", "shape": [2], "range": [0, 255]})
        >>> looks_prepared(torch.tensor([[0.5, 0.1]]), data), looks_prepared(torch.tensor([[3.0, 1.0]]), data)
        (True, False)
    """
    stored = data.stored
    if stored is None or values.is_meta or not values.is_floating_point() or tuple(values.shape[1:]) != data.shape:
        return False
    if data.shape != stored.shape:
        return True
    if stored.dtype != "uint8" or stored.range is None or not values.numel():
        return False
    # If the model's data are binarised, values of 0 and 1 are binarised pixels.
    bits = data.binarise != "none" and stored.range[1] > 1 and bool(((values == 0) | (values == 1)).all())
    return bits or bool((values != values.round()).any()) or bool((values < 0).any())


def are_images(raw: Any) -> bool:
    """Return whether a value is a Pillow image or the name of a file, or a list of them."""
    if isinstance(raw, (str, Path)) or is_pil_image(raw):
        return True
    if not isinstance(raw, (list, tuple)) or not raw:
        return False
    return all(isinstance(each, (str, Path)) or is_pil_image(each) for each in raw)


def tensor_of_numbers(raw: Any, columns: Sequence[str] = (), where: str = "raw") -> Tensor:
    """Return an array or nested list of numbers as a tensor, converted to a dtype that torch supports.

    Args:
        columns: names of the columns, for messages.
        where: name of the data, for messages.

    Raises:
        InputError: the data contain anything but real numbers, or rows of different lengths.

    Example:
        >>> tensor_of_numbers(np.array([[1, 2]], dtype=">u2")).dtype
        torch.int64
    """
    try:
        if isinstance(raw, Tensor):
            raw = dense(raw, where)
            raw = raw.float() if raw.dtype == torch.bfloat16 else raw
        array = np.asarray(raw)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        # For example rows of different lengths.
        raise InputError(f"expected data that form an array: {error}", where=where, remedy=_FORMS) from error
    if array.dtype.kind == "O" and array.ndim:
        array = _number_array(array, columns, where)
    if array.dtype.kind not in "buif":
        raise InputError(f"expected numbers, got {type(raw).__name__} of {array.dtype}", where=where, remedy=_FORMS)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if (kind == "u" and size > 1) or (kind == "f" and size > 8):  # torch lacks these types
        array = array.astype(np.int64 if kind == "u" and size < 8 else np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # NumPy calls an array contiguous even if an axis of one entry has a negative stride, which torch refuses.
    backwards = any(stride < 0 for stride in array.strides)
    return torch.from_numpy(array.copy() if backwards else np.require(array, requirements=("C", "W")))


def dense(values: Tensor, where: str = "raw") -> Tensor:
    """Return a tensor on the CPU, detached from the graph.

    Args:
        where: name of the data, for messages.

    Raises:
        InputError: the tensor is sparse, nested, quantised, or on the device ``meta``.

    Example:
        >>> dense(torch.ones(2, requires_grad=True))
        tensor([1., 1.])
    """
    kinds = {
        "a tensor without values, on the device 'meta'": values.device.type == "meta",
        "a nested tensor": values.is_nested,
        "a quantised tensor": values.is_quantized,
        "a sparse tensor": values.layout != torch.strided,
    }
    found = next((kind for kind, holds in kinds.items() if holds), None)
    if found is not None:
        raise InputError(
            f"expected a dense tensor, got {found}",
            where=where,
            remedy="Convert it first, for example with `x.to_dense()` or `x.dequantize()`.",
        )
    return values.detach().cpu()


def _number_array(array: npt.NDArray[Any], columns: Sequence[str], where: str) -> npt.NDArray[Any]:
    """Return an array of objects, such as the values of a DataFrame with mixed columns, as float64."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        name = ""
        for place in range(array.shape[-1] if array.ndim == 2 else 0):
            try:
                array[:, place].astype(np.float64)
            except (TypeError, ValueError, OverflowError):
                name = f" in column {columns[place]!r}" if columns else f" in column {place}"
                break
        raise InputError(f"expected numbers, got other values{name}: {error}", where=where, remedy=_FORMS) from error


def _arranged(values: Tensor, stored: StoredDescription) -> Tensor:
    """Return one or several examples in any layout as (B, *stored.shape)."""
    shape = stored.shape
    layouts: list[tuple[int, ...]] = [shape]
    if len(shape) == 3:
        channels, height, width = shape
        last, none = (height, width, channels), (height, width)
        layouts = [shape, last] if stored.layout == "channels_first" else [last, shape]
        layouts += [none] if channels == 1 else []
    elif len(shape) == 2 and shape[0] == 1:
        layouts = [shape, shape[1:]]
    for layout in layouts:
        # A batch takes precedence over a single example: (3, 8, 8) is a batch of grey images, not a colour image.
        for batch in (values, values[None]) if values.ndim else ():
            if tuple(batch.shape[1:]) == tuple(layout) and batch.ndim == len(layout) + 1:
                if tuple(layout) != shape:
                    return batch.movedim(-1, 1) if len(layout) == len(shape) else batch.unsqueeze(1)
                return batch
    expected = ", ".join(("B", *map(str, shape)))
    raise InputError(
        f"expected examples of shape ({expected}), as the model's data are stored, got {tuple(values.shape)}",
        where="raw",
        remedy="Pass examples in the form of the training data. Prepared examples cannot be prepared again.",
    )


def _first_not_finite(values: Tensor) -> int:
    return int((~values.isfinite()).flatten(1).any(1).nonzero()[0])


def _check_categories(rows: Tensor, columns: Sequence[ColumnDescription]) -> None:
    """Raise an error if a categorical column has a value that is not the number of a category."""
    for place, column in enumerate(columns):
        codes = rows[:, place][~rows[:, place].isnan()]
        largest = max(column.width, 2) - 1
        if not column.is_measured and bool(((codes < 0) | (codes > largest) | (codes != codes.round())).any()):
            raise InputError(
                f"expected the number of a category, from 0 to {largest}, in the column {column.name!r}, got other "
                "values",
                where="raw",
                remedy="Pass a DataFrame, whose columns are found by name and contain the categories themselves.",
            )


def _check_values(values: Tensor, stored: StoredDescription, columns: Sequence[ColumnDescription]) -> None:
    numbers = values if values.is_floating_point() else values.double()
    if columns:  # in a table, NaN is a missing value
        _check_categories(numbers, columns)
        numbers = numbers[~numbers.isnan()]
    if not numbers.numel():
        return
    low, high = float(numbers.min()), float(numbers.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        row = int(values.isinf().flatten(1).any(1).nonzero()[0]) if columns else _first_not_finite(values)
        raise InputError(
            f"expected finite numbers, got NaN or infinity in example {row}",
            where="raw",
            remedy="Leave such examples out, or fill in the values as in the training data.",
        )
    if stored.range is None:
        return
    bounds = f"[{stored.range[0]:g}, {stored.range[1]:g}]"
    if low < stored.range[0] or high > stored.range[1]:
        raise InputError(
            f"expected values in {bounds}, as the model's data are stored, got values from {low:g} to {high:g}",
            where="raw",
            remedy="Convert them to the units of the training data.",
        )
    bytes_or_whole = values.dtype in (torch.uint8, torch.int16, torch.int32, torch.int64, torch.int8)
    if stored.dtype == "uint8" and stored.range[1] > 1 and not bytes_or_whole and 0 < high <= 1:
        raise InputError(
            f"expected values in {bounds}, as the model's data are stored, got {values.dtype} from {low:g} to "
            f"{high:g}, which look prepared already",
            where="raw",
            remedy="Pass prepared data to the model directly. If these are raw values, convert them to integers.",
        )
