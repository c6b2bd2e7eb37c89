"""The recipe of data in memory: without the data it says in words what is needed."""

from __future__ import annotations

import pytest

import zoo
from zoo.errors import DataError


def test_loading_without_the_data_says_what_they_were_and_how_to_give_them():
    with pytest.raises(DataError) as caught:
        zoo.load_data({"name": "memory", "kind": "numpy array", "shape": [60, 5]})
    message = str(caught.value)
    assert "passed in memory (numpy array of shape (60, 5))" in message
    assert "`data=x` in Python" in message
    assert "--data" in message


def test_a_range_has_two_ends():
    with pytest.raises(DataError, match=r"value_range: expected \[smallest, largest\], got \[1\.0\]"):
        zoo.load_data({"name": "memory", "value_range": [1.0]})
