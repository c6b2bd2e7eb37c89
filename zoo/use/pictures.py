"""Examples as images: one by one, or in a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.drawing.style import new_figure, show_image, tile
from zoo.preparation.preprocessing import to_form
from zoo.spec.data_description import DataDescription
from zoo.use.rows import Array

_MOST_COLUMNS = 20


def stored_images(values: Array, data: DataDescription) -> Tensor:
    """Return images in the layout of the data (N, …) as they are stored, (N, C, H, W)."""
    images = torch.from_numpy(values)
    if data.stored is not None and data.stored.layout == "channels_last":
        return images.movedim(-1, 1)
    return images.unsqueeze(1) if images.ndim == 3 else images


def as_images(values: Array, data: DataDescription) -> list[Any]:
    """Return images in the layout of the data (N, …) as images of Pillow."""
    images: list[Any] = to_form(stored_images(values, data), data, "images")
    return images


def grid(rows: Sequence[Array], data: DataDescription) -> MatplotlibFigure:
    """Return a grid of images; several sets (N, …) are shown in rows below each other.

    Args:
        rows: sets of equally many images, such as inputs and outputs.
    """
    sets = [_in_unit(stored_images(each, data).float(), data) for each in rows]
    count = len(sets[0])
    columns = min(count, _MOST_COLUMNS, max(1, round(math.sqrt(count * len(sets)))))
    short = -count % columns
    padded = [torch.cat([each, each.new_full((short, *each.shape[1:]), math.nan)]) for each in sets]
    parts = torch.stack([each.unflatten(0, (-1, columns)) for each in padded], 1).flatten(0, 2)
    tiled = tile(parts, columns).image
    width = min(12.0, 0.6 * columns + 0.4)
    figure = new_figure(width, width * tiled.shape[0] / tiled.shape[1])
    show_image(figure.subplots(), tiled)
    return figure


def _in_unit(images: Tensor, data: DataDescription) -> Tensor:
    bounds = data.stored.range if data.stored else None
    low, high = bounds or (float(images.min()), float(images.max()))
    return ((images - low) / ((high - low) or 1.0)).clamp(0, 1)
