"""Converts raw data to prepared examples, as in the training of a model, and back."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from zoo.errors import InputError
from zoo.preparation.described import encoding_of, geometry_of, scaling_of
from zoo.preparation.raw import stored_examples
from zoo.preparation.rows import frame_of, rounded_rows, rows_to_form
from zoo.preparation.transforms import StaticDraw, Threshold
from zoo.spec.data_description import DataDescription

Form = Literal["array", "tensor", "pandas", "polars", "images"]


def preprocess(raw: Any, data: DataDescription) -> Tensor:
    """Prepare raw data in the same way as the training data: (B, *data.shape), float32, on the CPU.

    Nothing is learned from ``raw``: means, standard deviations, sizes and columns are those of the training data, so
    the result for an example does not depend on the others. If the training data were binarised at random, the random
    numbers depend only on the content of the example, so that the same example always gives the same pixels.

    Args:
        raw: an array, tensor or nested list of one or several stored examples; a DataFrame of pandas or polars, whose
            columns are found by name; Pillow images, or names of image files. A missing value in a table is NaN, and
            stays NaN.
        data: the description of the model's data.

    Raises:
        InputError: the model does not know its data, or the type, shape, columns or values of ``raw`` are not those of
            the model's data.
        DataError: a file is missing or not an image.

    Example:
        >>> scaling = {"name": "standardise", "shift": [0, 100], "span": [1, 10]}
        >>> data = DataDescription(shape=(2,), stored={"dtype": "float32", "shape": [2]}, scaling=scaling)
        >>> preprocess([[1.0, 120.0]], data)
        tensor([[1., 2.]])
    """
    check_known(data, "preprocess")
    stored = stored_examples(raw, data)
    encoding = encoding_of(data)
    values = geometry_of(data)(stored) if encoding is None else encoding(stored)
    prepared = scaling_of(data)(values)
    if data.binarise == "none":
        return prepared
    if data.binarise == "threshold":
        return Threshold()(prepared, torch.arange(len(prepared)))
    return StaticDraw(data.splitting.split_seed, "binarise/raw")(prepared, _positions(stored))


def postprocess(prepared: Tensor, data: DataDescription, form: Form | None = None, *, rounded: bool = True) -> Any:
    """Convert prepared examples back to the units, size, layout and columns of the model's data.

    Values outside the stored range, such as draws from a Gaussian likelihood, are clipped to it. Bytes are rounded,
    and images are resized back to their original size. Binarised pixels become the smallest and largest stored value.

    Args:
        prepared: (B, *data.shape), such as samples or reconstructions, on any device.
        data: the description of the model's data.
        form: ``array`` for a NumPy array; ``tensor``; ``pandas`` or ``polars`` for a DataFrame with the columns of the
            data; ``images`` for a list of Pillow images. None: a pandas DataFrame if the data have columns, else an
            array.
        rounded: whether values that are stored as bytes are rounded; False keeps fractions, such as those of means.

    Raises:
        InputError: the model does not know its data, the shape is not that of prepared examples, or the data cannot be
            returned in this form.

    Example:
        >>> stored = {"dtype": "uint8", "shape": [1, 1, 3], "range": [0, 255], "layout": "no_channels"}
        >>> data = DataDescription(shape=(1, 1, 3), stored=stored, scaling={"name": "unit", "span": 255})
        >>> postprocess(torch.tensor([[[[0.0, 0.2, 1.5]]]]), data)
        array([[[  0,  51, 255]]], dtype=uint8)
    """
    return to_form(stored_values(prepared, data, rounded=rounded), data, form)


def stored_values(prepared: Tensor, data: DataDescription, *, rounded: bool = True) -> Tensor:
    """Convert prepared examples back to stored ones, (B, *stored.shape), on the CPU.

    Args:
        prepared: (B, *data.shape).
        data: the description of the model's data.
        rounded: whether values that are stored as bytes are rounded.

    Raises:
        InputError: the model does not know its data, or the shape is not that of prepared examples.

    Example:
        >>> stored = {"dtype": "uint8", "shape": [1, 1, 3], "range": [0, 255]}
        >>> data = DataDescription(shape=(1, 1, 3), stored=stored, scaling={"name": "unit", "span": 255})
        >>> stored_values(torch.tensor([[[[0.0, 0.2, 1.5]]]]), data)
        tensor([[[[  0,  51, 255]]]], dtype=torch.uint8)
    """
    check_known(data, "postprocess")
    stored = data.stored
    assert stored is not None
    if not isinstance(prepared, Tensor) or tuple(prepared.shape[1:]) != data.shape:
        got = tuple(prepared.shape) if isinstance(prepared, Tensor) else type(prepared).__name__
        expected = ", ".join(("B", *map(str, data.shape)))
        raise InputError(
            f"expected a tensor of prepared examples of shape ({expected}), got {got}", where="postprocess"
        )
    values = scaling_of(data).undo(prepared)
    if (encoding := encoding_of(data)) is not None:
        rows = rounded_rows(encoding.undo(values), data)
        return rows if stored.range is None else rows.clamp(*stored.range)
    if len(stored.shape) == 3:
        values = geometry_of(data).undo(values, (stored.shape[1], stored.shape[2]))
    if stored.range is not None:
        values = values.clamp(*stored.range)
    return values.round().clamp(0, 255).to(torch.uint8) if stored.dtype == "uint8" and rounded else values.float()


def check_known(data: DataDescription, what: str) -> None:
    """Raise an error if a model does not know how to prepare its data.

    Args:
        what: the operation that needs it, for the message.

    Raises:
        InputError: the model was built without data, or saved by version 0.1.
    """
    if not data.is_known:
        raise InputError(
            "this model does not know how its data were prepared: it was built without data, or its checkpoint was "
            "written by version 0.1",
            where=what,
            remedy=f"Pass prepared tensors of shape (B, {', '.join(map(str, data.shape))})"
            + (f" in [{data.range[0]:g}, {data.range[1]:g}]" if data.range else "")
            + ", or train the model again.",
        )


def _positions(stored: Tensor) -> Tensor:
    """Return a number for each example, (B,) int64, that depends only on its content."""
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in stored.numpy())
    return torch.tensor([int.from_bytes(digest, "little") >> 1 for digest in digests], dtype=torch.int64)


def to_form(values: Tensor, data: DataDescription, form: Form | None = None) -> Any:
    """Return stored examples (B, *stored.shape) in the requested form; see :func:`postprocess`."""
    if data.columns:
        return rows_to_form(values, data, form or "pandas")
    form = form or "array"
    layout = data.stored.layout if data.stored else "channels_first"
    if form == "images":
        return _images(values, data)
    if len(data.shape) == 3 and layout == "channels_last":
        values = values.movedim(1, -1)
    elif len(data.shape) in (2, 3) and layout == "no_channels":
        values = values.squeeze(1)
    if form == "tensor":
        return values.contiguous()
    array = np.ascontiguousarray(values.numpy())
    if form == "array":
        return array
    if array.ndim != 2:
        raise InputError(f"expected rows of a table, got examples of shape {array.shape[1:]}", where="form")
    return frame_of({f"x{place}": array[:, place] for place in range(array.shape[1])}, form)


def _images(values: Tensor, data: DataDescription) -> list[Any]:
    stored = data.stored
    assert stored is not None
    if not data.is_image:
        raise InputError(f"expected images, got examples of shape {stored.shape}", where="form")
    from PIL import Image

    low, high = stored.range or (float(values.min()), float(values.max()))
    unit = (values.double() - low) / ((high - low) or 1.0)
    pixels = (255 * unit).round().clamp(0, 255).to(torch.uint8).movedim(1, -1).numpy()
    return [Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image) for image in pixels]
