"""Figures for dark pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

PAPER, INK = "#181f27", "#e8edf2"
"""Background and text of the report in dark mode."""


def darken(figure: MatplotlibFigure) -> None:
    """Turn black into light ink and white into dark paper, in place; images and all other colours stay.

    Example:
        >>> from zoo.drawing.style import new_figure
        >>> figure = new_figure(2, 2)
        >>> axes = figure.subplots()
        >>> darken(figure)
        >>> figure.get_facecolor() == axes.get_facecolor() == to_rgba(PAPER)
        True
    """
    for artist in figure.findobj():
        _darken(artist)


def _darken(artist: Artist) -> None:
    if isinstance(artist, Text):
        artist.set_color(_dark(artist.get_color()))
    elif isinstance(artist, Line2D):
        artist.set_color(_dark(artist.get_color()))
        artist.set_markeredgecolor(_dark(artist.get_markeredgecolor()))
        artist.set_markerfacecolor(_dark(artist.get_markerfacecolor()))
    elif isinstance(artist, Patch):
        artist.set_edgecolor(_dark(artist.get_edgecolor()))
        artist.set_facecolor(_dark(artist.get_facecolor()))
    elif isinstance(artist, Collection):
        artist.set_facecolor([_dark(colour) for colour in np.atleast_2d(artist.get_facecolor())])
        artist.set_edgecolor([_dark(colour) for colour in np.atleast_2d(artist.get_edgecolor())])


def _dark(colour: Any) -> Any:
    """Return light ink for black and a dark background for white, with the same opacity; other colours unchanged."""
    if isinstance(colour, str) and colour in ("none", "auto"):
        return colour
    red, green, blue, alpha = to_rgba(colour)
    swapped = {(0.0, 0.0, 0.0): INK, (1.0, 1.0, 1.0): PAPER}.get((red, green, blue))
    return colour if swapped is None else to_rgba(swapped, alpha)
