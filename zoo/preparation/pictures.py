"""Images of Pillow and image files, as tensors of stored examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.datasets._image_reader import ImageReader
from zoo.errors import InputError
from zoo.spec.data_description import DataDescription


def is_picture(value: object) -> bool:
    """Whether a value is an image of Pillow, found out without importing it."""
    return any(base.__module__.partition(".")[0] == "PIL" for base in type(value).__mro__)


def read_pictures(raw: Any, data: DataDescription) -> Tensor:
    """Return images or image files, one or several, as the data set would store them: (B, C, H, W).

    Raises:
        InputError: the model's data are no images.
        DataError: a file is missing, no image, or of another size where images are not brought to one.
    """
    stored = data.stored
    assert stored is not None
    if not data.is_image:
        raise InputError(
            f"expected examples of shape {stored.shape}, got images or file names",
            where="raw",
            remedy="Pass arrays or a DataFrame: the model was not trained on images.",
        )
    reading = data.reading
    channels, size = (reading.channels, reading.size) if reading else (stored.shape[0], None)
    reader = ImageReader([], size or (stored.shape[1], stored.shape[2]), channels=channels, crop=size is not None)
    several = raw if isinstance(raw, (list, tuple)) else [raw]
    pixels = torch.stack(
        [
            reader.image(str(each)) if isinstance(each, (str, Path)) else reader.pixels(each, "the image")
            for each in several
        ]
    )
    low, high = stored.range or (0.0, 255.0)
    if (low, high) == (0.0, 255.0):
        return pixels if stored.dtype == "uint8" else pixels.float()
    values = pixels.float() / 255 * (high - low) + low
    return values.round().to(torch.uint8) if stored.dtype == "uint8" else values
