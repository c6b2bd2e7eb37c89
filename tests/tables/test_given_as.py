"""Categories and booleans come back in the type of the column that they were stated for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from zoo.data import load_data
from zoo.errors import DataError
from zoo.spec.column_description import ColumnDescription
from zoo.tables.coding import decode

NUMBERS = np.array([0.0, 1.0, np.nan])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (ColumnDescription(name="a", type="categorical", categories=("3", "-4"), given_as="integer"), [3, -4, None]),
        (ColumnDescription(name="a", type="categorical", categories=("0.5", "2"), given_as="float"), [0.5, 2, None]),
        (
            ColumnDescription(name="a", type="categorical", categories=("False", "True"), given_as="boolean"),
            [False, True, None],
        ),
        (ColumnDescription(name="a", type="categorical", categories=("3", "-4"), given_as="text"), ["3", "-4", None]),
        (ColumnDescription(name="a", type="boolean", given_as="boolean"), [False, True, None]),
        (ColumnDescription(name="a", type="boolean", given_as="integer"), [0, 1, None]),
        (
            ColumnDescription(name="a", type="boolean", categories=("no", "yes"), given_as="text"),
            ["no", "yes", None],
        ),
    ],
    ids=lambda value: f"{value.type} as {value.given_as}" if isinstance(value, ColumnDescription) else "",
)
def test_a_column_gives_values_of_its_type(column: ColumnDescription, expected: list[object]) -> None:
    found = decode(NUMBERS, column).tolist()
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("values", "given_as", "categories"),
    [
        ([3, 1, 3, 2], "integer", ("1", "2", "3")),
        ([0.5, 1.0, 0.5, 2.0], "float", ("0.5", "1", "2")),
        ([True, False, True, True], "boolean", ("False", "True")),
        (["b", "a", "b", "b"], "text", ("a", "b")),
    ],
)
def test_a_column_that_is_stated_as_categorical_remembers_what_it_held(
    values: list[object], given_as: str, categories: tuple[str, ...]
) -> None:
    frame = pd.DataFrame({"a": values * 3, "b": np.arange(12.0)})
    column = load_data(frame, test=0, validation=0, columns={"a": "categorical"}).info.description.columns[0]
    assert (column.type, column.given_as, column.categories) == ("categorical", given_as, categories)


def test_one_word_is_a_boolean_whose_other_word_is_its_opposite() -> None:
    frame = pd.DataFrame({"a": ["member"] * 12, "b": np.arange(12.0)})
    column = load_data(frame, test=0, validation=0, columns={"a": "boolean"}).info.description.columns[0]
    assert column.categories == ("not member", "member")


def test_numbers_whose_comma_may_mean_two_things_are_refused_with_both() -> None:
    frame = pd.DataFrame({"a": ["1,234", "5,678"] * 6, "b": np.arange(12.0)})
    with pytest.raises(DataError, match=r"numbers such as '1,234', which may be 1.234 or 1234"):
        load_data(frame, test=0, validation=0)
    found = load_data(frame, test=0, validation=0, columns={"a": "categorical"}).info.description.columns[0]
    assert found.categories == ("1,234", "5,678")
