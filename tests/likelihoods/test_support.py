"""Which values data may take."""

import math

import pytest
import torch

from zoo.likelihoods import Support


@pytest.mark.parametrize(
    ("support", "inside", "outside", "words"),
    [
        (Support(), [-1e30, 0.0, 1e30], [math.nan, math.inf, -math.inf], "any finite number"),
        (Support(0, 1), [0.0, 1.0, 0.123, 1.00005], [-0.01, 1.01, math.nan], "numbers in [0, 1]"),
        (Support(low=0), [0.0, 1e9], [-1.0, math.inf], "numbers in [0, ∞)"),
        (Support(low=0, step=1), [0.0, 3.0, 1e6, 16_777_215.0], [-1.0, 0.5, math.inf], "whole numbers from 0"),
        (Support(0, 9, 1), [0.0, 9.0], [10.0, 2.5], "whole numbers from 0 to 9"),
        (Support(0, 1, 1), [0.0, 1.0], [0.5], "whole numbers from 0 to 1"),
        (Support(0, 1, 1 / 255), [0.0, 1 / 255, 0.2, 254 / 255, 1.0], [0.5, 0.001], "multiples of 1/255 in [0, 1]"),
    ],
)
def test_values_are_inside_or_outside(support, inside, outside, words):
    assert support.contains(torch.tensor(inside)).all()
    assert not support.contains(torch.tensor(outside)).any()
    assert str(support) == words


def test_all_grey_levels_are_found_after_rounding_to_float32():
    levels = torch.arange(256, dtype=torch.uint8).float() / 255
    assert Support(0, 1, 1 / 255).contains(levels).all()


@pytest.mark.parametrize(
    ("support", "inside", "outside"),
    [
        (Support(0.2, 1.2, 0.5), [0.2, 0.7, 1.2], [0.3, 0.5, 0.8, 1.7]),
        (Support(step=0.4), [-0.8, 0.0, 0.4, 400.0], [-1.0, 0.2, math.inf]),
    ],
    ids=str,
)
def test_levels_are_counted_from_the_low_end_or_from_zero(support, inside, outside):
    assert support.contains(torch.tensor(inside)).all()
    assert not support.contains(torch.tensor(outside)).any()
