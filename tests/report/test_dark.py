"""Figures in dark: ink and paper change places, data keep their colours."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.colors import to_rgba

from zoo.drawing.style import new_figure, show_image
from zoo.report.dark import INK, PAPER, darken


def test_ink_and_paper_change_places_and_everything_else_stays() -> None:
    figure = new_figure(4, 2)
    left, right = figure.subplots(1, 2)
    (curve,) = left.plot([0, 1], [0, 1], color="black", label="exact")
    (coloured,) = left.plot([0, 1], [1, 0], color="#4477AA", label="learned")
    points = left.scatter([0, 1], [0, 1], c=["#000000", "#EE6677"])
    left.set(title="title", xlabel="x")
    left.legend()
    show_image(right, torch.zeros(2, 2, 1))
    before = np.array(right.images[0].get_array())
    darken(figure)
    assert figure.get_facecolor() == left.get_facecolor() == to_rgba(PAPER)
    texts = [left.title, left.xaxis.label, *left.get_xticklabels(), *left.get_legend().get_texts()]
    assert {to_rgba(text.get_color()) for text in texts} == {to_rgba(INK)}
    assert to_rgba(curve.get_color()) == to_rgba(INK)
    assert to_rgba(coloured.get_color()) == to_rgba("#4477AA")
    assert [tuple(colour) for colour in points.get_facecolor()] == [to_rgba(INK), to_rgba("#EE6677")]
    assert left.spines["left"].get_edgecolor() == to_rgba(INK)
    assert np.array_equal(right.images[0].get_array(), before)


def test_an_opacity_stays() -> None:
    figure = new_figure(2, 2)
    axes = figure.subplots()
    (patch,) = axes.bar([0], [1], color=(0, 0, 0, 0.25))
    darken(figure)
    assert patch.get_facecolor() == to_rgba(INK, 0.25)
