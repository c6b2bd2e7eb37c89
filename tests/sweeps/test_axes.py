"""What --grid may say, and what it may not."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import InputError, RecipeError
from zoo.sweeps.axes import Range, choices_of, one_at_a_time, parse_grid


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=0.5,1,2", [0.5, 1, 2]),
        ("a.b=diagonal_gaussian, full_gaussian", ["diagonal_gaussian", "full_gaussian"]),
        ("a.b=[64],[64, 32]", [[64], [64, 32]]),
        ("a.b={name: mixture, size: 3},flow", [{"name": "mixture", "size": 3}, "flow"]),
        ("a.b=true", [True]),
        ("a.b=log(1e-4,1e-2)", Range(scale="log", low=1e-4, high=1e-2)),
        ("a.b = integer( 2, 8 )", Range(scale="integer", low=2, high=8)),
    ],
)  # fmt: skip
def test_values_are_yaml_and_ranges_have_a_name(text, values):
    assert parse_grid([text]) == {"a.b": values}
    key, _, given = text.partition("=")
    assert parse_grid({key: given}) == parse_grid({key: values}) == {"a.b": values}


def test_an_array_is_a_list():
    assert parse_grid({"a": np.linspace(0, 1, 3)}) == {"a": [0.0, 0.5, 1.0]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.b", "expected KEY=V1,V2"),
        ("a=", "--grid a: expected values"),
        ("a=1,2,1", "expected different values, got 1 twice"),
        ("a=[1", "--grid a: not valid YAML"),
        ("a=log(1)", "expected two numbers"),
        ("a=log(0,1)", "expected positive bounds"),
        ("a=uniform(2,1)", "expected the lower bound first"),
        ("a=integer(0.5,1)", "expected whole numbers"),
        ("seed=1,2", "--seeds 3"),
    ],
)
def test_what_is_no_grid_is_refused_with_its_key(text, message):
    with pytest.raises(RecipeError) as refused:
        parse_grid([text])
    assert message in str(refused.value)


def test_a_field_twice_and_a_range_in_a_grid_are_refused():
    with pytest.raises(RecipeError, match="expected each field once"):
        parse_grid(["a=1", "a=2"])
    with pytest.raises(InputError, match=r"got the range log\(1,2\)"):
        choices_of(parse_grid(["a=log(1,2)"]))


def test_combinations_have_each_value_with_each_other_and_checks_each_value_once():
    axes = parse_grid(["a=1,2,3", "b=x,y"])
    assert len(choices_of(axes)) == 6
    assert len({tuple(choice.values.items()) for choice in choices_of(axes)}) == 6
    checked = one_at_a_time(parse_grid(["a=1,2,3", "b=x,y", "c=uniform(0,1)"]))
    assert len(checked) == 1 + 2 + 1 + 1
    assert {choice.values["c"] for choice in checked} == {0.0, 1.0}
