"""Shared by the figures of latent spaces: points coloured by class, and images at places."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from torch import Tensor

from zoo.drawing.style import class_colour, class_marker, short_name

_MOST_CLASSES, _ROWS = 30, 15
"""Classes that a legend can tell apart, and those of a column."""


def scatter_classes(
    figure: MatplotlibFigure, axes: Axes, points: Tensor, labels: Tensor | None, names: Sequence[str]
) -> None:
    """Draw points (N, 2), coloured by labels (N,) if given, in an order in which no class hides the others.

    Args:
        names: of the classes; () if they have none.
    """
    classes = torch.zeros(1, dtype=torch.long) if labels is None else labels.unique()
    places = torch.zeros(len(points), dtype=torch.long) if labels is None else torch.bucketize(labels, classes)
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
    for marker in sorted({class_marker(place) for place in range(len(classes))}):
        shown = [index for index in order.tolist() if class_marker(int(places[index])) == marker]
        colours = [class_colour(int(places[index])) for index in shown]
        across, up = points[shown].T.numpy()
        axes.scatter(across, up, s=7, c=colours, marker=marker, alpha=0.6, linewidths=0, zorder=2)
    if labels is None or len(classes) > _MOST_CLASSES:
        return
    handles = [
        axes.plot([], [], class_marker(place), linestyle="", markersize=6, color=class_colour(place))[0]
        for place in range(len(classes))
    ]
    texts = [short_name(names[label]) if names else str(label) for label in classes.tolist()]
    figure.legend(handles, texts, title="class", loc="outside right center", ncols=1 + (len(classes) - 1) // _ROWS)


def place_images(axes: Axes, images: Tensor, places: Tensor, heights: Tensor) -> None:
    """Draw images (N, C, H, W) with values in [0, 1] at places (N, 2) of the data, dark on light if of one channel.

    Args:
        heights: (N,) of the images, in points.
    """
    pixels = images.movedim(1, -1)
    if pixels.shape[-1] == 1:
        pixels = (1 - pixels).expand(-1, -1, -1, 3)
    for image, place, height in zip(pixels, places.tolist(), heights.tolist(), strict=True):
        box = OffsetImage(image.numpy(), zoom=height / image.shape[0], interpolation="nearest")
        axes.add_artist(AnnotationBbox(box, place, frameon=False, pad=0))
