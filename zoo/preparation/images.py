"""Converts Pillow images and image files to tensors of stored examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.datasets import ImageFormat, TargetSize
from zoo.errors import DataError, InputError
from zoo.preparation.described import geometry_of
from zoo.spec.data_description import DataDescription


def is_pil_image(value: object) -> bool:
    """Return whether a value is a Pillow image, without importing Pillow."""
    return any(base.__module__.partition(".")[0] == "PIL" for base in type(value).__mro__)


def read_images(raw: Any, data: DataDescription) -> Tensor:
    """Return one or several images or image files as stored examples (B, C, H, W).

    Args:
        raw: a Pillow image or the path of a file, or a list of them.
        data: the description of the model's data.

    Raises:
        InputError: the model was not trained on images.
        DataError: a file is missing or not an image, or an image has another size and the model does not resize images.
    """
    stored = data.stored
    assert stored is not None
    if not data.is_image:
        raise InputError(
            f"expected examples of shape {stored.shape}, as in training, got images or file names",
            where="raw",
            remedy="Pass an array or a DataFrame.",
        )
    form = _format(data)
    target = form.target
    expected = (target.height, target.width) if target else (stored.shape[1], stored.shape[2])
    images = []
    for each in raw if isinstance(raw, (list, tuple)) else [raw]:
        image = form.read(each)
        if tuple(image.shape[1:]) != expected:
            raise DataError(
                f"expected images of {expected[0]} × {expected[1]} pixels (height × width), as in training, got "
                f"{image.shape[1]} × {image.shape[2]} in {each if isinstance(each, (str, Path)) else 'an image'}",
                where="raw",
                remedy="Resize it. A model that was trained with `data.resize` accepts images of any size.",
            )
        images.append(image)
    pixels = torch.stack(images)
    low, high = stored.range or (0.0, 255.0)
    if (low, high) == (0.0, 255.0):
        return pixels if stored.dtype == "uint8" else pixels.float()
    values = pixels.float() / 255 * (high - low) + low
    return values.round().to(torch.uint8) if stored.dtype == "uint8" else values


def _format(data: DataDescription) -> ImageFormat:
    """Return the format in which image files are read for a model."""
    reading, target = data.reading, geometry_of(data).target
    if reading is None:
        assert data.stored is not None
        return ImageFormat(channels=data.stored.shape[0], target=target)
    if reading.size is not None:
        target = TargetSize(*reading.size, "crop")
    return ImageFormat(
        channels=reading.channels, target=target, background=reading.background, value_range=reading.value_range
    )
