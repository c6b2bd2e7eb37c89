"""A model whose data are compared by a regulariser alone, in place of a likelihood."""

from __future__ import annotations

from typing import Any

import torch

import zoo
from zoo.model import Model


def compared_by(
    regulariser: str, key: str, preset: str, data_shape: tuple[int, ...], data_range: Any = (0, 1), **options: Any
) -> Model:
    """Return a small model of a preset, the same at each call, with the regulariser under ``key``."""
    torch.manual_seed(0)
    return zoo.build(
        preset,
        data_shape=data_shape,
        data_range=data_range,
        encoder={"widths": [16]},
        decoder={"widths": [16]},
        likelihood={"name": "gaussian"},
        objective={"reconstruction_weight": 0.0},
        regularisers={key: {"name": regulariser, **options}},
    )
