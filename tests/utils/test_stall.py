"""Whether a download stalls is decided for each minute."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from zoo.utils import stall
from zoo.utils.stall import StallCheck


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr(stall, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def test_a_minute_of_less_than_the_least_speed_stalls(now: list[float]) -> None:
    check = StallCheck(received=10**9)
    now[0] += 60
    assert check.stalled(10**9 + 1) is None, "a minute is not over"
    now[0] += 1
    assert check.stalled(10**9 + 60_999) == "61 kB in 61 seconds"


def test_each_minute_counts_alone(now: list[float]) -> None:
    check = StallCheck()
    now[0] += 61
    assert check.stalled(10**9) is None
    now[0] += 61
    assert check.stalled(10**9 + 61_000) is None
    now[0] += 61
    assert check.stalled(10**9 + 61_001) == "1 bytes in 61 seconds"
