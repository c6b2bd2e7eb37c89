"""How several processes share the examples of a batch; what they send is tested in tests/runs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 60))
def test_each_example_has_its_weight_in_one_process_alone(count: int, share: int, size: int) -> None:
    batch_size, order = count * share, torch.randperm(size)
    parts = [ProcessGroup(rank, count).part(order, batch_size).split(share) for rank in range(count)]
    batches = order.split(batch_size)
    assert [len(part) for part in parts] == [len(batches)] * count
    for step, batch in enumerate(batches):
        counted = [part[step] for rank, part in enumerate(parts) if ProcessGroup(rank, count).weight(len(batch))]
        assert sorted(torch.cat(counted).tolist()) == sorted(batch.tolist())


@given(st.integers(1, 6), st.integers(1, 60))
def test_the_mean_of_a_batch_is_the_weighted_mean_of_its_parts(count: int, size: int) -> None:
    values = torch.rand(size, dtype=torch.float64)
    means = [values[rank::count].mean() * ProcessGroup(rank, count).weight(size) for rank in range(min(count, size))]
    assert sum(means) == pytest.approx(float(values.mean()))
    assert sum(ProcessGroup(rank, count).weight(size) for rank in range(count)) == pytest.approx(1.0)


def test_one_process_sends_nothing() -> None:
    values = torch.rand(3)
    assert SINGLE_PROCESS.sum(values) is values
    assert SINGLE_PROCESS.gather(values) is values
    assert SINGLE_PROCESS.any(True)
    assert not SINGLE_PROCESS.any(False)
    assert SINGLE_PROCESS.first(lambda: 5) == 5
    assert SINGLE_PROCESS.part(values, 2) is values
