from __future__ import annotations

import matplotlib as mpl
import pytest
import torch
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.drawing.style import (
    COLOURS,
    class_colour,
    class_marker,
    first_of_each_class,
    in_pairs_of_rows,
    rows_of_classes,
    show_image,
    tile,
    to_unit,
)


def constant_images(count: int, height: int, width: int) -> Tensor:
    """Return images (count, 1, height, width), each with its number as the value of all pixels."""
    return torch.arange(float(count))[:, None, None, None].expand(-1, 1, height, width)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (5, 40)])
def test_the_centre_of_a_tile_lies_in_its_image(height, width):
    tiling = tile(constant_images(5, height, width), 3)
    assert (tiling.rows, tiling.columns) == (2, 3)
    for index in range(5):
        row, column = tiling.row_centre(index // 3), tiling.column_centre(index % 3)
        assert tiling.image[round(row), round(column), 0] == index


def test_thirty_classes_can_be_told_apart():
    assert len({(class_colour(index), class_marker(index)) for index in range(3 * len(COLOURS))}) == 30


def test_a_black_class_has_the_colour_of_text():
    with mpl.rc_context({"text.color": "#ffffff"}):
        assert class_colour(COLOURS.index("#000000")) == "#ffffff"


def test_the_ends_of_the_range_become_black_and_white():
    images = torch.tensor([-1.0, 0.0, 1.0, 3.0])
    torch.testing.assert_close(to_unit(images, (-1.0, 1.0)), torch.tensor([0.0, 0.5, 1.0, 1.0]))
    torch.testing.assert_close(to_unit(images, None), torch.tensor([0.0, 0.25, 0.5, 1.0]))


def test_the_first_examples_of_each_class():
    labels = torch.tensor([2, 0, 0, 2, 1, 0])
    assert first_of_each_class(labels, 3).tolist() == [1, 4, 0]
    assert first_of_each_class(labels, 4, per_class=2).tolist() == [1, 2, 4, 0]
    assert first_of_each_class(None, 2).tolist() == [0, 1]


def test_tiles_stand_in_reading_order_unmirrored() -> None:
    images = torch.zeros(3, 1, 28, 28)
    for index, image in enumerate(images):
        image[0, 0, index] = 1.0  # one dark pixel in the first row marks each image
    tiling = tile(images, columns=2)
    side = 28 + tiling.gap
    tiled = tiling.image
    assert tiled.shape == (28 + side, 28 + side, 1)
    assert [tuple(place[:2].tolist()) for place in (tiled == 1).nonzero()] == [(0, 0), (0, side + 1), (side, 2)]
    assert tiled[side:, side:].isnan().all(), "there is no fourth image"
    assert (tiling.row_centre(0), tiling.row_centre(1), tiling.column_centre(1)) == (13.5, 13.5 + side, 13.5 + side)
    axes = MatplotlibFigure().subplots()
    show_image(axes, tiled)
    shown = axes.images[0].get_array()
    assert shown[0, 0].tolist() == [0.0, 0.0, 0.0]
    assert shown[0, 1].tolist() == [1.0, 1.0, 1.0]
    assert axes.yaxis_inverted(), "the first row is on top"


def test_small_images_are_enlarged_by_whole_pixels_and_keep_a_gap_that_shows() -> None:
    tiling = tile(torch.rand(2, 1, 8, 8), 2)
    assert tiling.image.shape == (32, 64 + tiling.gap, 1)
    assert tiling.gap >= 3
    assert tiling.image[:, 32 : 32 + tiling.gap].isnan().all()
    assert tile(torch.rand(1, 3, 8, 8), 1, gaps=False).image.shape == (8, 8, 3)


def test_reconstructions_stand_below_their_inputs_in_a_column_for_each_class() -> None:
    labels = torch.tensor([7, 5, 7, 7, 5, 5])
    chosen, columns = rows_of_classes(labels, 6, columns=10, rows=2)
    assert (chosen.tolist(), columns) == ([1, 0, 4, 2], 2)
    assert rows_of_classes(torch.tensor([0, 0, 1]), 3, 10, 2)[0].tolist() == [0, 2, 1, 2], "one is repeated"
    assert rows_of_classes(None, 7, 3, 2)[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert rows_of_classes(None, 2, 3, 2) == (pytest.approx(torch.arange(2)), 2)
    levels = torch.tensor([0.1, 0.2, 0.3, 0.4])[:, None, None, None].expand(-1, 1, 2, 2)
    pairs = in_pairs_of_rows(levels, levels + 0.5, columns=2)[:, 0, 0, 0]
    assert pairs.tolist() == pytest.approx([0.1, 0.2, 0.6, 0.7, 0.3, 0.4, 0.8, 0.9])
