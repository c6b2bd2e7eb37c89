"""Learning rates."""

from __future__ import annotations

import pytest

from zoo.spec.training import Duration, ScheduleSpec
from zoo.training.schedules import learning_rate_factor


def factors(schedule: ScheduleSpec, total: int = 100, per_epoch: int = 10) -> list[float]:
    return [learning_rate_factor(schedule, step, total, per_epoch) for step in range(total)]


def test_constant_is_constant() -> None:
    assert factors(ScheduleSpec()) == [1.0] * 100


def test_cosine_falls_from_one_to_its_end() -> None:
    rates = factors(ScheduleSpec(name="cosine", final=0.1))
    assert rates[0] == 1.0
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("warmup", [Duration(steps=20), Duration(epochs=2)])
def test_a_warmup_rises_linearly_in_steps_or_epochs(warmup: Duration) -> None:
    rates = factors(ScheduleSpec(warmup=warmup))
    assert rates[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert rates[20:] == [1.0] * 80


def test_one_cycle_rises_to_one_and_falls_to_its_end() -> None:
    rates = factors(ScheduleSpec(name="one_cycle", rise=0.3, start=0.04, final=0.0))
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(0.04)
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)
    assert 28 <= top <= 31
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_runs_have_a_rate(name: str, total: int) -> None:
    assert all(0.0 <= rate <= 1.0 for rate in factors(ScheduleSpec(name=name), total, 1))
