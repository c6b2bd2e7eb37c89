"""The view of a model's data."""

from __future__ import annotations

from zoo.errors import NotApplicableError
from zoo.figures import EvaluationContext
from zoo.figures._image_view import ImageView
from zoo.figures._row_view import RowView
from zoo.figures._series_view import SeriesView
from zoo.figures._view import View


def view_of(context: EvaluationContext) -> View:
    """Return how the examples of a model are drawn.

    Raises:
        NotApplicableError: they are neither images of one or three channels, nor series, nor rows.
    """
    model = context.model
    if context.shows_images:
        return ImageView(model.data_shape, model.spec.data_range)
    if len(model.data_shape) == 2:
        return SeriesView(model.data)
    if len(model.data_shape) == 1:
        return RowView(model.data)
    raise NotApplicableError(f"examples of shape {list(model.data_shape)} are neither images, nor series, nor rows")
