from __future__ import annotations

import matplotlib as mpl
import pytest
import torch
from torch import Tensor

from zoo.drawing.style import (
    COLOURS,
    class_colour,
    class_marker,
    first_of_each_class,
    in_pairs_of_rows,
    rows_of_classes,
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


def test_images_fill_all_but_gaps_and_places_without_an_image():
    tiling = tile(constant_images(5, 28, 28), 3)
    assert (~tiling.image.isnan()).sum() == 5 * 28 * 28
    assert tile(constant_images(6, 28, 28), 3, gaps=False).image.isfinite().all()


def test_small_images_are_enlarged_by_whole_pixels_only_with_gaps():
    image = torch.rand(1, 3, 8, 8)
    enlarged = tile(image, 1).image
    assert enlarged.shape == (32, 32, 3)
    torch.testing.assert_close(enlarged[::4, ::4].permute(2, 0, 1), image[0])
    assert tile(image, 1, gaps=False).image.shape == (8, 8, 3)


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


def test_each_column_of_a_grid_has_one_class():
    labels = torch.tensor([2, 0, 0, 2, 1, 0])
    indices, columns = rows_of_classes(labels, 6, columns=3, rows=2)
    assert columns == 3
    assert labels[indices].view(2, 3).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert indices.view(2, 3)[:, 1].tolist() == [4, 4]  # the only example of its class


def test_a_grid_without_labels_has_whole_rows():
    indices, columns = rows_of_classes(None, 7, columns=3, rows=5)
    assert (indices.tolist(), columns) == ([0, 1, 2, 3, 4, 5], 3)


def test_rows_of_two_sets_alternate():
    above, below = constant_images(4, 1, 1), constant_images(4, 1, 1) + 10
    assert in_pairs_of_rows(above, below, 2).flatten().tolist() == [0, 1, 10, 11, 2, 3, 12, 13]
