"""Converts raw data to what a model was trained on, and back."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from zoo.errors import InputError
from zoo.preparation.described import expansion_of, geometry_of, scaling_of
from zoo.preparation.raw import stored_examples
from zoo.preparation.rows import formed_rows, frame_of, rounded_rows
from zoo.preparation.transforms import StaticDraw, Threshold
from zoo.spec.data_description import DataDescription

Form = Literal["array", "tensor", "pandas", "polars", "images"]


def preprocess(raw: Any, data: DataDescription) -> Tensor:
    """Return raw data as the model's training data were prepared: (B, *data.shape), float32, on the CPU.

    Nothing is learned from ``raw``: means, spreads, sizes and columns are those of the training data, so one row is
    prepared as it would be among many. Where the training data were binarised at random, a pixel is drawn from its
    example's own content, so that the same example always gives the same pixels.

    Args:
        raw: an array, tensor or nested list of stored examples or of one; a DataFrame of pandas or polars, whose
            columns are found by their names; images of Pillow, or names of image files.

    A value that is missing in a table is NaN, before and after.

    Raises:
        InputError: the model does not know its data, or the form, shape, columns or values are not theirs.
        DataError: a file is missing or no image.

    Example:
        >>> scaling = {"name": "standardise", "shift": [0, 100], "span": [1, 10]}
        >>> data = DataDescription(shape=(2,), stored={"dtype": "float32", "shape": [2]}, scaling=scaling)
        >>> preprocess([[1.0, 120.0]], data)
        tensor([[1., 2.]])
    """
    check_known(data, "preprocess")
    stored = stored_examples(raw, data)
    expansion = expansion_of(data)
    values = geometry_of(data)(stored) if expansion is None else expansion(stored)
    prepared = scaling_of(data)(values)
    if data.binarise == "none":
        return prepared
    if data.binarise == "threshold":
        return Threshold()(prepared, torch.arange(len(prepared)))
    return StaticDraw(data.splitting.split_seed, "binarise/raw")(prepared, _positions(stored))


def postprocess(prepared: Tensor, data: DataDescription, form: Form | None = None, *, rounded: bool = True) -> Any:
    """Return prepared examples in the units, size, layout and columns of the model's data.

    Values outside the stored range, such as draws of a Gaussian likelihood, are clipped to it. Bytes are rounded, and
    images that were resized are resized back. Binarised pixels become the smallest and largest stored values.

    Args:
        prepared: (B, *data.shape), such as samples or reconstructions, on any device.
        form: ``array`` of NumPy; ``tensor``; ``pandas`` or ``polars`` for a DataFrame with the columns; ``images`` of
            Pillow in a list. None: a DataFrame of pandas where the model knows columns, else an array.
        rounded: False: keep the fractions of what is stored as bytes, which a mean of bytes has.

    Raises:
        InputError: the model does not know its data, the shape is not that of prepared examples, or the data cannot
            take the form.

    Example:
        >>> stored = {"dtype": "uint8", "shape": [1, 1, 3], "range": [0, 255], "layout": "no_channels"}
        >>> data = DataDescription(shape=(1, 1, 3), stored=stored, scaling={"name": "unit", "span": 255})
        >>> postprocess(torch.tensor([[[[0.0, 0.2, 1.5]]]]), data)
        array([[[  0,  51, 255]]], dtype=uint8)
    """
    return formed(stored_values(prepared, data, rounded=rounded), data, form)


def stored_values(prepared: Tensor, data: DataDescription, *, rounded: bool = True) -> Tensor:
    """Return prepared examples as the data set would store them, (B, *stored.shape), on the CPU.

    Args:
        prepared: (B, *data.shape).
        rounded: False: keep the fractions of what is stored as bytes.

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
    if (expansion := expansion_of(data)) is not None:
        rows = rounded_rows(expansion.undo(values), data)
        return rows if stored.range is None else rows.clamp(*stored.range)
    if len(stored.shape) == 3:
        values = geometry_of(data).undo(values, (stored.shape[1], stored.shape[2]))
    if stored.range is not None:
        values = values.clamp(*stored.range)
    return values.round().clamp(0, 255).to(torch.uint8) if stored.dtype == "uint8" and rounded else values.float()


def check_known(data: DataDescription, what: str) -> None:
    """Refuse to prepare data for a model that does not know how.

    Raises:
        InputError: the message says why, and what to do.
    """
    if not data.is_known:
        raise InputError(
            "this model does not know how its data were prepared: it was built without data, or its checkpoint was "
            "written by version 0.1",
            where=what,
            remedy=f"Prepare the data yourself, as tensors of shape (B, {', '.join(map(str, data.shape))})"
            + (f" in [{data.range[0]:g}, {data.range[1]:g}]" if data.range else "")
            + ", or train the model again.",
        )


def _positions(stored: Tensor) -> Tensor:
    """Return a number (B,) for each example that depends on its content alone."""
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in stored.numpy())
    return torch.tensor([int.from_bytes(digest, "little") >> 1 for digest in digests], dtype=torch.int64)


def formed(values: Tensor, data: DataDescription, form: Form | None = None) -> Any:
    """Return stored examples (B, *stored.shape) in one of the usual forms; see :func:`postprocess`."""
    if data.columns:
        return formed_rows(values, data, form or "pandas")
    form = form or "array"
    layout = data.stored.layout if data.stored else "channels_first"
    if form == "images":
        return _pictures(values, data)
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


def _pictures(values: Tensor, data: DataDescription) -> list[Any]:
    stored = data.stored
    assert stored is not None
    if not data.is_image:
        raise InputError(f"expected images, got examples of shape {stored.shape}", where="form")
    from PIL import Image

    low, high = stored.range or (float(values.min()), float(values.max()))
    unit = (values.double() - low) / ((high - low) or 1.0)
    pixels = (255 * unit).round().clamp(0, 255).to(torch.uint8).movedim(1, -1).numpy()
    return [Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image) for image in pixels]
