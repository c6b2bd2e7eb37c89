"""The view of a model's data."""

from __future__ import annotations

from zoo.drawing.image_view import ImageView
from zoo.drawing.row_view import RowView
from zoo.drawing.series_view import SeriesView
from zoo.drawing.view import View
from zoo.errors import NotApplicableError
from zoo.model import Model
from zoo.spec.data_description import is_image_shape


def view_of(model: Model) -> View:
    """Return the view that draws the examples of a model.

    Raises:
        NotApplicableError: they are neither images of one or three channels, nor series, nor rows.
    """
    if is_image_shape(model.data_shape):
        return ImageView(model.data_shape, model.spec.data_range)
    if len(model.data_shape) == 2:
        return SeriesView(model.data)
    if len(model.data_shape) == 1:
        return RowView(model.data)
    raise NotApplicableError(f"examples of shape {list(model.data_shape)} are neither images, nor series, nor rows")
