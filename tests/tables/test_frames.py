"""DataFrames in, DataFrames out: types, categories, dates and missing values come back as they were."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from tests.tables import table_model
from zoo.data import load_data
from zoo.errors import DataError, ZooError, ZooWarning
from zoo.preparation.preprocessing import postprocess, preprocess
from zoo.spec.data_description import DataDescription


def people(rows: int = 12) -> pd.DataFrame:
    number = np.arange(rows)
    return pd.DataFrame(
        {
            "height": 150.1 + number,
            "children": number % 4,
            "member": number % 3 == 0,
            "city": [("Oslo", "Rome", "Nice")[n % 3] for n in number],
            "size": pd.Categorical([("S", "L")[n % 2] for n in number], categories=["S", "M", "L"]),
            "born": pd.Timestamp("1990-05-17") + pd.to_timedelta(1000 * number, unit="D"),
            "seen": pd.Timestamp("2026-01-01 12:00:01", tz="Europe/Paris") + pd.to_timedelta(number, unit="h"),
            "zip": number % 5,
        }
    )


def described(frame, **options) -> DataDescription:
    data = load_data(frame, test=0.0, validation=0.0, **options)
    assert data.info.description is not None
    return data.info.description


def test_every_type_is_inferred_from_a_dataframe():
    columns = described(people()).columns
    assert [(column.type, column.given_as) for column in columns] == [
        ("numeric", "float"),
        ("integer", "integer"),
        ("boolean", "boolean"),
        ("categorical", "text"),
        ("categorical", "category"),
        ("date", "date"),
        ("date", "datetime"),
        ("integer", "integer"),
    ]
    assert columns[3].categories == ("Nice", "Oslo", "Rome")
    assert columns[4].categories == ("S", "M", "L"), "in the order that the frame declares"
    assert columns[6].timezone == "Europe/Paris"


def test_a_frame_comes_back_as_it_was():
    frame = people()
    back = postprocess(preprocess(frame, described(frame)), described(frame))
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    assert back["height"].tolist() == frame["height"].tolist(), "to the last digit"
    # The unit in which dates are counted is a choice of pandas.
    assert [str(dtype).partition("[")[0] for dtype in back.dtypes] == [
        str(dtype).partition("[")[0] for dtype in frame.dtypes
    ]


def test_a_polars_frame_comes_back_as_it_was():
    frame = pl.DataFrame(people().drop(columns="size"))
    frame = frame.with_columns(pl.col("born").cast(pl.Date), level=pl.Series(["a", "b"] * 6, dtype=pl.Enum(["b", "a"])))
    data = described(frame)
    back = postprocess(preprocess(frame, data), data, "polars")
    assert back.schema["born"] == pl.Date
    assert back.schema["level"] == pl.Enum(["b", "a"])
    assert back["seen"].dtype.time_zone == "Europe/Paris"
    for name in ("children", "member", "city", "born", "level"):
        assert back[name].to_list() == frame[name].to_list(), name


def test_missing_values_come_back_as_missing_in_every_type():
    frame = people().convert_dtypes()
    frame.loc[1, :] = None
    data = described(frame)
    x = preprocess(frame, data)
    assert x[1].isnan().all()
    assert not x[0].isnan().any()
    back = postprocess(x, data)
    assert back.iloc[1].isna().all()
    assert (back["children"].dtype, back["member"].dtype) == ("Int64", "boolean")
    assert back["city"].tolist()[2:] == frame["city"].tolist()[2:]


def test_columns_are_found_by_name_whatever_their_order_and_others_are_left_out():
    frame = people()
    data = described(frame)
    other = frame[frame.columns[::-1]].assign(note="not a column of the model")
    torch.testing.assert_close(preprocess(other, data), preprocess(frame, data))


def test_a_missing_column_is_named():
    data = described(people())
    with pytest.raises(ZooError, match=r"(?s)no column 'city'.*add it as an empty column"):
        preprocess(people().drop(columns="city"), data)


def test_an_empty_column_counts_as_missing():
    data = described(people())
    for empty in (None, np.nan, pd.NA):
        assert preprocess(people().assign(height=empty, city=empty), data)[:, [0, 3, 4, 5]].isnan().all()


def test_a_new_category_is_missing_and_named_once():
    frame = people()
    data = described(frame)
    with pytest.warns(ZooWarning, match=r"'Bern' in the column 'city'") as caught:
        x = preprocess(frame.assign(city="Bern", member=2), data)
    assert "'2' in the column 'member'" in str(caught[0].message)
    assert len(caught) == 1
    assert x[:, 2:6].isnan().all()


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("height", "tall", "expected numbers in the column 'height', got 'tall' in row 1"),
        ("height", np.inf, "finite numbers in the column 'height', got infinity in row 1"),
        ("height", pd.Timestamp("2020-01-01"), "expected numbers in the column 'height', got dates"),
        ("born", "yesterday", "expected dates in the column 'born', got 'yesterday'"),
        ("born", 3, "expected dates in the column 'born', got numbers"),
        ("member", pd.Timestamp("2020-01-01"), "expected two values in the column 'member', got dates"),
    ],
)
def test_values_of_another_type_are_named(column, values, says):
    data = described(people())
    with pytest.raises(ZooError, match=says):
        preprocess(people(2).assign(**{column: values}), data)


@pytest.mark.parametrize("make", [pd.DataFrame, lambda values: pl.DataFrame(values, strict=False)])
def test_texts_of_numbers_and_dates_are_read_where_numbers_and_dates_are_known(make):
    data = described(pd.DataFrame({"a": [1.5, 2.5], "d": pd.to_datetime(["2020-01-01", "2020-01-02"])}))
    numbers = make({"a": ["1.5", "NA"], "d": ["2020-01-02", "2020-01-01"]})
    x = postprocess(preprocess(numbers, data), data)
    assert x["a"].tolist()[0] == 1.5
    assert math.isnan(x["a"][1])
    assert x["d"].dt.day.tolist() == [2, 1]


def test_objects_of_python_are_read_as_what_they_are():
    frame = pd.DataFrame(
        {
            "whole": pd.Series([1, 2, None, 3], dtype=object),
            "day": pd.Series([datetime.date(2020, 1, 1), datetime.date(2020, 1, 3), None, None], dtype=object),
            "truth": pd.Series([True, None, False, True], dtype=object),
        }
    )
    assert [column.type for column in described(frame).columns] == ["integer", "date", "boolean"]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' more than once"),
        (pd.DataFrame({"a": ["x", 1, None]}), "values of one type in the column 'a', got int, str"),
        (pd.DataFrame({"a": [1 + 2j]}), "'a' of type complex128"),
        (pd.DataFrame({"a": pd.to_timedelta([1], unit="D")}), "'a' of type timedelta"),
        (pd.DataFrame({"a": [2**60]}), "'a' holds whole numbers beyond 2⁵³"),
        (pd.DataFrame({"a": []}), "no rows"),
        (pd.DataFrame({"a": [np.inf, 1.0]}), "finite numbers in the column 'a'"),
        (pl.DataFrame({"a": [[1, 2]]}), "'a' of type List"),
    ],
    ids=str,
)
def test_frames_that_are_no_tables_are_refused_in_words(frame, says):
    with pytest.raises(DataError, match=says):
        described(frame)


def test_means_and_spreads_are_those_of_the_training_rows_and_of_what_is_there():
    frame = people()
    frame.loc[3, "height"] = None
    data = load_data(frame, test=0.25, validation=0.0)
    x = torch.cat([batch.x for batch in data.train.batches(100)])[:, 0]
    there = x[~x.isnan()]
    torch.testing.assert_close(there.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(there.std(correction=0), torch.tensor(1.0))


def test_other_data_are_prepared_by_what_the_model_knows():
    frame = people()
    data = described(frame, columns={"zip": "categorical"})
    one = load_data(people(1), like=data, whole=True)
    assert one.info.data_shape == data.shape
    torch.testing.assert_close(one.train.examples(1), preprocess(frame[:1], data))


def test_arrays_of_a_table_hold_the_numbers_of_categories():
    data = described(people()[["height", "city"]])
    x = preprocess([[150.1, 2.0]], data)
    assert x[0, 1:].tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(ZooError, match="number of a category, from 0 to 2, in the column 'city'"):
        preprocess([[150.1, 3.0]], data)
    assert postprocess(x, data, "array").tolist() == [[150.1, "Rome"]]


def test_a_model_gives_frames_of_the_same_types():
    frame = people(40)
    frame.loc[::7, "city"] = None
    frame.loc[::5, "children"] = None
    model = table_model(load_data(frame, test=0.0, validation=0.0))
    for made in (model.sample(5, noise=True), model.impute(model.preprocess(frame), num_samples=3)):
        back = model.postprocess(made)
        assert list(back.columns) == list(frame.columns)
        assert not back.isna().any().any()
        assert set(back["city"]) <= {"Oslo", "Rome", "Nice"}
        assert back["member"].dtype == bool
        assert back["size"].dtype == frame["size"].dtype
