"""Schedules of weights have the values of their formulas."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from zoo.errors import ComponentError
from zoo.spec.options import check_options, construct, option_schema
from zoo.spec.schedule import NonNegativeWeight, WeightSchedule, as_schedule


def schedule(name: str, **options: Any) -> WeightSchedule:
    return WeightSchedule.model_validate({"name": name, **options})


def values(weight: WeightSchedule, steps: int, steps_per_epoch: int = 10) -> list[float]:
    return [weight.value(step, steps_per_epoch) for step in range(steps)]


def test_a_bare_number_is_constant() -> None:
    assert values(WeightSchedule.model_validate(0.25), 3) == [0.25] * 3
    assert WeightSchedule.model_validate(3) == as_schedule(3.0)


def test_linear_rises_by_the_same_amount_each_step_and_stays() -> None:
    assert values(schedule("linear", end=2.0, over={"steps": 4}), 6) == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert values(schedule("linear", start=3.0, end=1.0, over={"steps": 2}), 3) == [2.0, 1.0, 1.0]


def test_cosine_is_halfway_in_the_middle_and_slow_at_both_ends() -> None:
    found = values(schedule("cosine", start=1.0, end=3.0, over={"steps": 8}), 9)
    assert found == pytest.approx([2 - math.cos(math.pi * min(t, 8) / 8) for t in range(1, 10)])
    assert found[3] == pytest.approx(2.0)


def test_exponential_multiplies_by_the_same_factor_each_step() -> None:
    found = values(schedule("exponential", start=1.0, end=0.01, over={"steps": 4}), 5)
    assert found == pytest.approx([10**-0.5, 10**-1, 10**-1.5, 10**-2, 10**-2])


def test_cyclical_is_the_published_formula() -> None:
    """Fu et al. (2019): β min(1, τ/R), τ = (t mod T/M) / (T/M), with t counted from 1 within the cycle."""
    found = values(schedule("cyclical", end=1.0, over={"steps": 16}, cycles=2, share=0.5), 18)
    assert found == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0] * 2 + [1.0, 1.0]


def test_one_cycle_that_rises_all_the_way_is_linear() -> None:
    cyclical = schedule("cyclical", start=0.5, end=2.0, over={"steps": 7}, cycles=1, share=1.0)
    assert values(cyclical, 10) == pytest.approx(values(schedule("linear", start=0.5, end=2.0, over={"steps": 7}), 10))


def test_cycles_that_are_no_whole_number_of_steps_begin_anew_as_often_as_asked() -> None:
    found = values(schedule("cyclical", end=1.0, over={"steps": 100}, cycles=3, share=1.0), 100)
    assert sum(later < earlier for earlier, later in itertools.pairwise(found)) == 2
    assert 0 < min(found) <= max(found) <= 1


def test_epochs_count_by_their_steps() -> None:
    by_epochs = schedule("linear", end=1.0, over={"epochs": 3})
    by_steps = schedule("linear", end=1.0, over={"steps": 15})
    assert values(by_epochs, 20, steps_per_epoch=5) == values(by_steps, 20)


@pytest.mark.parametrize(
    ("weight", "steps"),
    [
        (as_schedule(2.0), 0),
        (schedule("linear", start=1.0, end=1.0, over={"steps": 9}), 0),
        (schedule("linear", end=1.0, over={"epochs": 2}), 20),
        (schedule("cosine", end=1.0, over={"steps": 9}), 9),
        (schedule("exponential", start=2.0, end=1.0, over={"steps": 9}), 9),
        (schedule("cyclical", end=1.0, over={"steps": 40}, cycles=4, share=0.5), 35),
        (schedule("linear", end=1.0, over={"steps": 0}), 0),
    ],
)
def test_the_warm_up_ends_where_the_weight_is_final(weight: WeightSchedule, steps: int) -> None:
    assert weight.warmup_steps(steps_per_epoch=10) == steps
    found = values(weight, steps + 20)
    assert found[max(0, steps - 1) :] == [weight.end] * (20 + min(1, steps))
    if steps > 1:
        assert found[steps - 2] != weight.end


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("much", "expected a number or a schedule such as"),
        (True, "expected a number or a schedule"),
        (float("nan"), "finite"),
        ({"end": 1.0}, "name"),
        ({"name": "linear", "end": 1.0}, "`over`, the length of the schedule, is missing"),
        ({"name": "constant", "end": 1.0, "over": {"steps": 3}}, "`over` has no effect on the schedule"),
        ({"name": "linear", "end": 1.0, "over": {"steps": 3}, "cycles": 2}, "`cycles` has no effect"),
        ({"name": "exponential", "end": 1.0, "over": {"steps": 3}}, "same sign and other than 0, got 0 and 1"),
        ({"name": "cyclical", "end": 1.0, "over": {"steps": 3}, "share": 0.0}, "share"),
        ({"name": "step", "end": 1.0, "over": {"steps": 3}}, "constant"),
    ],
)
def test_a_wrong_schedule_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WeightSchedule.model_validate(wrong)


class Weighted:
    """A component with a weight, as an objective has one."""

    def __init__(self, *, weight: NonNegativeWeight = 1.0) -> None:
        self.weight = as_schedule(weight)


WRITTEN = [
    (2.0, 2.0),
    ({"name": "constant", "end": 2.0}, 2.0),
    (
        {"name": "linear", "end": 2.0, "over": {"steps": 3}},
        {"name": "linear", "start": 0.0, "end": 2.0, "over": {"epochs": None, "steps": 3}},
    ),
]


@pytest.mark.parametrize(("given", "written"), WRITTEN)
def test_an_option_is_written_as_a_person_writes_it_and_read_again(given: object, written: object) -> None:
    options = check_options(Weighted, {"weight": given}, "model.objective")
    assert options == {"weight": written}
    assert check_options(Weighted, options, "model.objective") == options
    made: Weighted = construct(Weighted, options, {}, "model.objective")
    assert made.weight == WeightSchedule.model_validate(given)


def test_the_default_of_an_option_is_a_number() -> None:
    assert check_options(Weighted, {}, "model.objective") == {"weight": 1.0}
    assert construct(Weighted, {}, {}, "model.objective").weight.end == 1.0


@pytest.mark.parametrize("negative", [-1.0, {"name": "linear", "start": -1.0, "end": 1.0, "over": {"steps": 3}}])
def test_a_negative_weight_is_refused_where_it_has_no_meaning(negative: object) -> None:
    with pytest.raises(ComponentError, match=r"model\.objective\.weight: expected a weight of at least 0, got -1"):
        check_options(Weighted, {"weight": negative}, "model.objective")


def test_editors_accept_numbers_and_schedules() -> None:
    validator = Draft202012Validator(option_schema(Weighted).model_json_schema())
    for given, written in WRITTEN:
        assert validator.is_valid({"weight": given})
        assert validator.is_valid({"weight": written})
    assert not validator.is_valid({"weight": "much"})
    assert not validator.is_valid({"weight": {"name": "step", "end": 1.0}})
