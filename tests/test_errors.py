"""The names that an error about an unknown name lists."""

from __future__ import annotations

import pytest

from zoo.errors import unknown_name
from zoo.registry import KINDS, list_components

COLUMNS = [f"SENSOR{number:03} [°C]" for number in range(200)]


def test_names_with_capitals_are_found_whatever_the_case() -> None:
    remedy = unknown_name("column", "sensor199 [°c", COLUMNS)[1]
    listed = remedy.partition("Available: ")[2].partition(" and ")[0].split(", ")
    assert "SENSOR199 [°C]" in listed
    assert set(listed) <= set(COLUMNS)
    assert remedy.endswith(" and 194 more.")


@pytest.mark.parametrize(("count", "listed"), [(60, 60), (61, 6)])
def test_without_a_command_that_lists_them_up_to_sixty_names_are_listed(count: int, listed: int) -> None:
    assert unknown_name("column", "?", COLUMNS[:count])[1].count("SENSOR") == listed


def test_with_a_command_a_few_of_many_names_are_listed() -> None:
    remedy = unknown_name("column", "?", COLUMNS[:13], "zoo-cli list column")[1]
    assert remedy.count("SENSOR") == 6
    assert remedy.endswith("and 7 more; `zoo-cli list column` lists them.")


@pytest.mark.parametrize("name", ["sensor9999", "SENSOR" + "x" * 300])
def test_the_same_name_in_another_case_is_found_among_any_number_of_names(name: str) -> None:
    known = [*(f"SENSOR{number:04}" for number in range(10_000)), "Sensor" + "x" * 300]
    assert unknown_name("column", name, known)[1].casefold().startswith(f"did you mean '{name.casefold()}'? ")


def test_an_unknown_kind_is_answered_with_every_kind() -> None:
    with pytest.raises(ValueError, match="unknown kind 'fitted_prior'") as refused:
        list_components("fitted_prior")
    assert all(kind in str(refused.value).partition("Available: ")[2] for kind in KINDS)
