"""Sheets: what is packed comes out again, value by value."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from tests.report.conftest import image_of
from zoo.errors import why_not
from zoo.report.sheets import check_sheet, largest_within, sheet_format


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_of_every_image_is_where_the_page_looks_for_it(channels, smooth):
    rows, columns, height, width = 3, 4, 5, 6
    images = torch.rand(rows, columns, channels, height, width, generator=torch.Generator().manual_seed(0))
    sheet = sheet_format((channels, height, width), (0.0, 1.0)).pack(images, smooth=smooth)
    pixels = image_of(sheet["source"])[..., :3].float()
    for row, column, y, x in [(0, 0, 0, 0), (2, 3, 4, 5), (1, 2, 3, 4), (0, 3, 4, 0)]:
        place = (y * rows + row, x * columns + column) if smooth else (row * height + y, column * width + x)
        value = images[row, column, :, y, x]
        shown = 255 * (1 - value.expand(3) if channels == 1 else value)
        assert pixels[place].tolist() == pytest.approx(shown.tolist(), abs=0.51)


def test_values_beyond_the_range_are_shown_as_its_ends():
    sheet = sheet_format((1, 1, 2), (-1.0, 1.0)).pack(torch.tensor([[[[[-3.0, 3.0]]]]]), smooth=True)
    assert image_of(sheet["source"])[0, :, 0].tolist() == [255, 0]


def test_vectors_keep_every_bit():
    values = torch.randn(2, 3, 7)
    sheet = sheet_format((7,), (-1.0, 1.0)).pack(values, smooth=True)
    back = np.frombuffer(base64.b64decode(sheet["source"]), "<f4").reshape(2, 3, 7)
    assert np.array_equal(back, values.numpy())


def test_rows_and_series_say_how_they_are_shown():
    rows = sheet_format((2,), (1.0, 3.0), ["weight", "pet=cat"]).describe()
    assert rows == {"kind": "values", "features": 2, "names": ["weight", "pet=cat"], "low": 0.0, "high": 3.0}
    series = sheet_format((2, 5), (1.0, 3.0)).describe()
    assert series == {"kind": "series", "features": 10, "channels": 2, "low": 1.0, "high": 3.0}


def test_a_smooth_sheet_of_a_smooth_grid_is_the_smaller_one():
    grid = torch.linspace(0, 1, 40)
    images = (grid[:, None, None, None] * torch.rand(8, 8) + grid[None, :, None, None]).sin()[:, :, None]
    form = sheet_format((1, 8, 8), (-1.0, 1.0))
    assert len(form.pack(images, smooth=True)["source"]) < len(form.pack(images, smooth=False)["source"])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 8, 8), None),
        ((3, 500, 8), None),
        ((9,), None),
        ((4, 8, 8), "4 channels"),
        ((2, 40), None),
        ((2, 4000), "8,000"),
        ((2, 5, 5, 5), "neither"),
        ((999,), "999"),
    ],
)
def test_data_that_cannot_be_shown_are_refused_with_a_reason(shape, reason):
    found = why_not(check_sheet, shape)
    assert found is None if reason is None else reason in found


def test_the_largest_number_within_a_budget_is_found_nearly():
    assert 80 <= largest_within(8100, 1000, 1, lambda n: 90 * n) <= 90
    assert largest_within(5, 1000, 3, lambda n: 90 * n) == 3
    assert largest_within(10**9, 1000, 1, lambda n: 90 * n) == 1000
