"""Items are read once and kept, or read on demand above the limit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import IterableDataset

import zoo
from tests.data.examples import KINDS, ROWS, Pairs
from zoo.errors import DataError, ZooWarning


def test_items_beyond_the_limit_are_read_on_demand() -> None:
    large = Pairs(torch.rand(600, 1, 30, 30), [number % 3 for number in range(600)])
    notes: list[str] = []
    data = zoo.load_data(large, in_memory_limit_mb=1, workers=0, note=notes.append)
    assert not data.train.in_memory
    assert "more than 1 MB" in notes[-1]
    held = zoo.load_data(large)
    assert held.train.in_memory
    assert data.train.digest() == held.train.digest()
    assert torch.equal(data.train.labels, held.train.labels)
    with pytest.raises(DataError, match="an iterable data set is kept in memory"):
        zoo.load_data(Endless(), in_memory_limit_mb=1)


class Endless(IterableDataset):
    """A stream that never ends."""

    def __iter__(self) -> Any:
        while True:
            yield torch.zeros(100_000)


def test_items_that_change_each_time_are_noticed() -> None:
    class Noisy(Pairs):
        def __getitem__(self, index: int) -> Any:
            return torch.rand(3), 0

    with pytest.warns(ZooWarning, match=r"random transforms, but they are read only once\. .* use `data\.augment`"):
        zoo.load_data(Noisy(ROWS, KINDS))
