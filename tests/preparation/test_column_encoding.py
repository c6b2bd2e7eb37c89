"""Categories become a 1 among zeros, and come back; missing values stay missing."""

import math

import pytest
import torch

from zoo.data.as_trained import encoding_for
from zoo.errors import DataError
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.spec.column_description import ColumnDescription
from zoo.spec.data_description import DataDescription


def column(name: str, *categories: str, **fields) -> ColumnDescription:
    kind = {"type": "categorical", "categories": categories} if categories else {}
    return ColumnDescription(name=name, **{**kind, **fields})


COLUMNS = (column("a", "x", "y", "z"), column("b"), column("c", type="boolean"), column("d", "p", "q"))


def test_each_category_has_a_place_and_rows_come_back():
    rows = torch.tensor([[2.0, -1.5, 1.0, 0.0], [0.0, 7.0, 0.0, 1.0]], dtype=torch.float64)
    values = ColumnEncoding(COLUMNS)(rows)
    assert values.tolist() == [[0, 0, 1, -1.5, 1, 1, 0], [1, 0, 0, 7, 0, 0, 1]]
    assert torch.equal(ColumnEncoding(COLUMNS).undo(values), rows)


@pytest.mark.parametrize("place", range(4))
def test_a_missing_value_is_missing_at_all_of_its_places_and_at_no_others(place):
    rows = torch.tensor([[2.0, -1.5, 1.0, 0.0]])
    rows[0, place] = torch.nan
    values = ColumnEncoding(COLUMNS)(rows)
    owners = torch.tensor([0, 0, 0, 1, 2, 3, 3])
    assert torch.equal(values[0].isnan(), owners == place)
    assert torch.equal(ColumnEncoding(COLUMNS).undo(values).isnan(), rows.isnan())


def test_of_probabilities_the_largest_counts():
    values = torch.tensor([[0.2, 0.5, 0.3, 0.0, 0.6, 0.9, 0.1]])
    assert ColumnEncoding(COLUMNS).undo(values)[0, [0, 3]].tolist() == [1.0, 0.0]


def test_only_quantities_are_scaled():
    assert ColumnEncoding(COLUMNS).measured.tolist() == [False, False, False, True, False, False, False]


def test_rows_of_another_table_are_brought_to_the_columns_and_categories_of_a_model():
    own = (column("d", "q", "r"), column("b"), column("extra"), column("a", "z", "x"), column("c", type="integer"))
    encoding = ColumnEncoding.between(own, (*COLUMNS[:2], COLUMNS[3]))
    rows = torch.tensor([[0.0, 3.0, 9.0, 1.0, 5.0], [1.0, 4.0, 9.0, 0.0, 5.0]], dtype=torch.float64)
    values = encoding(rows)
    assert values[0].tolist() == [1, 0, 0, 3, 0, 1]
    assert values[1, :4].tolist() == [0, 0, 1, 4]
    assert values[1, 4:].isnan().all(), "the model knows no category r"
    assert encoding.unknown(own, rows) == {"d": ["r"]}
    assert rows[1, 0] == 1.0, "what is stored is not changed"


@pytest.mark.parametrize(
    ("own", "known", "says"),
    [
        ((column("a"),), (column("b"),), "got no column 'b' in the table"),
        (
            (column("a"),),
            (column("a", "x", "y"),),
            "the type 'categorical' of the column 'a', as in training, got 'numeric'",
        ),
        (
            (column("a", type="date"),),
            (column("a"),),
            "the type 'numeric' of the column 'a', as in training, got 'date'",
        ),
    ],
)
def test_columns_that_are_missing_or_mean_something_else_are_named(own, known, says):
    with pytest.raises(DataError, match=says):
        ColumnEncoding.between(own, known)


def test_truth_values_and_two_categories_are_matched_by_their_names():
    own, known = (column("a", "no", "yes"),), (column("a", "yes", "no", type="boolean"),)
    values = ColumnEncoding.between(own, known)(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    assert values.flatten().tolist() == [1.0, 0.0]


@pytest.mark.parametrize("code", [-1.0, 2.0, 0.5, math.inf])
def test_a_number_that_stands_for_no_category_is_refused(code: float) -> None:
    pet = ColumnDescription(name="pet", type="categorical", categories=("cat", "dog"))
    with pytest.raises(DataError, match="the number of a category, from 0 to 1, in the column 'pet', got"):
        ColumnEncoding([pet])(torch.tensor([[1.0], [math.nan], [code]]))


@pytest.mark.parametrize("shape", [(1, 8, 8), (60,), (3,)])
def test_data_without_columns_are_rows_of_as_many_values_or_refused(shape: tuple[int, ...]) -> None:
    like = DataDescription(shape=(7,), columns=COLUMNS)
    assert encoding_for((), like, (4,)) is not None
    with pytest.raises(DataError, match="expected a table with the 4 columns that the model was trained on, got"):
        encoding_for((), like, shape)
