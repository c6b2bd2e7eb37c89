"""Labels in every form become whole numbers or texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import zoo
from tests.data.examples import ROWS
from zoo.data.labels import labels_of


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.tensor([2, 0, 2]), [2, 0, 2]),
        (np.array(["b", "a", "b"], dtype=object), ["b", "a", "b"]),
        (np.array([2, True, np.int64(0)], dtype=object), [2, 1, 0]),
        ([[2], [0], [2]], [2, 0, 2]),
    ],
    ids=["tensor", "texts", "numbers", "a column"],
)
def test_labels_of_every_form_are_whole_numbers_or_texts(labels: Any, expected: list[Any]) -> None:
    found = labels_of(labels, 3, "x")
    assert found.tolist() == expected
    assert found.dtype.kind in "iU"


@pytest.mark.skipif(not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"), reason="needs NumPy 2")
def test_texts_of_any_length_are_labels() -> None:
    labels = np.array(["b", "a", "b"], dtype=np.dtypes.StringDType())
    assert labels_of(labels, 3, "x").tolist() == ["b", "a", "b"]
    assert zoo.load_data(ROWS[:3], y=labels, test=0, validation=0).info.class_names == ("a", "b")
