"""Converts between the steps of preparation and their description, which is saved with a model."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.transforms import Geometry, Scaling
from zoo.spec.data_description import DataDescription
from zoo.spec.preparation_description import GeometryDescription, ScalingDescription


def scaling_of(data: DataDescription) -> Scaling:
    """Return the scaling that a description contains.

    Example:
        >>> data = DataDescription(shape=(2,), scaling={"name": "standardise", "shift": [1, 2], "span": [2, 4]})
        >>> scaling_of(data)(torch.tensor([[3.0, 6.0]]))
        tensor([[1., 1.]])
    """
    return Scaling(_number(data.scaling.shift, data.shape), _number(data.scaling.span, data.shape))


def encoding_of(data: DataDescription) -> ColumnEncoding | None:
    """Return how rows of a table are encoded for the model; None for other data."""
    return ColumnEncoding(data.columns) if data.columns else None


def geometry_of(data: DataDescription) -> Geometry:
    """Return the resizing and padding of images that a description contains."""
    geometry = data.geometry
    background = geometry.background[0] if len(geometry.background) == 1 else geometry.background
    return Geometry(resize=geometry.resize, pad=geometry.pad, background=background, fit=geometry.fit)


def describe_scaling(name: str, scaling: Scaling) -> ScalingDescription:
    """Return the description of a scaling, which a recipe calls ``name``."""
    return ScalingDescription.model_validate(
        {"name": name, "shift": _plain(scaling.shift), "span": _plain(scaling.span)}
    )


def describe_geometry(geometry: Geometry) -> GeometryDescription:
    """Return the description of the resizing and padding of images."""
    background = geometry.background if isinstance(geometry.background, tuple) else (geometry.background,)
    return GeometryDescription(resize=geometry.resize, pad=geometry.pad, background=background, fit=geometry.fit)


def _number(values: tuple[float, ...], shape: tuple[int, ...]) -> float | Tensor:
    return values[0] if len(values) == 1 else torch.tensor(values, dtype=torch.float32).reshape(shape)


def _plain(value: float | Tensor) -> tuple[float, ...]:
    return tuple(map(float, value.flatten().tolist())) if isinstance(value, Tensor) else (float(value),)
