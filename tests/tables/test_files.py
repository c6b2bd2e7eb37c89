"""Files as people have them: each is read right, or refused in one message that names the place and the remedy."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pytest

from zoo.data import load_data
from zoo.datasets import Collection
from zoo.datasets.table import Table
from zoo.errors import DataError

MANY = "".join(f"{number},name {number}\n" for number in range(300))
NUMBERS = "".join(f"{number}\n" for number in range(150))


def read(tmp_path: pathlib.Path, content: str | bytes, name: str = "t.csv", **options) -> Collection:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Table(path=str(path), **options).load(lambda _: None)


def rows(collection: Collection) -> list[list[float]]:
    return collection.splits["train"].examples.tolist()


def types(collection: Collection) -> list[str]:
    return [column.type for column in collection.columns]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a,b\n1.5,2\n3,4\n", {}),
        ("a;b\n1,5;2\n3;4\n", {}),
        ("a;b\n1,5;2\n3,0;4\n", {"decimal": ","}),
        ("a\tb\n1.5\t2\n3\t4\n", {}),
        ("a|b\n1.5|2\n3|4\n", {}),
        ("a b\n1.5 2\n3 4\n", {"separator": " "}),
        ('"a","b"\n"1.5","2"\n"3","4"\n', {}),
        ("a, b\n1.5, 2\n3, 4\n", {}),
        ("a,b\r\n1.5,2\r\n\r\n3,4\r\n", {}),
        ("\ufeffa,b\n1.5,2\n3,4", {}),
        ("a,b\n1.5,2\n3,4\n".encode("utf-16"), {}),
        ("a,b\n1.5e0,+2\n3.,4\n", {}),
        (",a,b\n0,1.5,2\n1,3,4\n", {}),
        ("a,b,\n1.5,2,\n3,4,\n", {}),
        ("1.5,2\n3,4\n", {"header": False}),
    ],
    ids=repr,
)
def test_the_same_numbers_are_read_however_they_are_written(tmp_path, content, options):
    assert rows(read(tmp_path, content, **options)) == [[1.5, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ('a\n"1,234.5"\n"2,000"\n', {}, [1234.5, 2000.0]),
        ("a;b\n1.234;2,5\n2.000;3,5\n", {}, [1234.0, 2000.0]),
        ('a\n"1,234"\n"2,000"\n', {"thousands": ","}, [1234.0, 2000.0]),
        ('a\n"1,234"\n"2,000"\n', {"decimal": ","}, [1.234, 2.0]),
        ("a\n1 234\n2 000,5\n", {"thousands": " ", "decimal": ","}, [1234.0, 2000.5]),
        ("a\n1'234\n2'000\n", {"thousands": "'"}, [1234.0, 2000.0]),
        ("a\n-1\n1e3\n", {}, [-1.0, 1000.0]),
    ],
)
def test_thousands_and_decimal_commas(tmp_path, content, options, expected):
    assert [row[0] for row in rows(read(tmp_path, content, **options))] == expected


@pytest.mark.parametrize(
    ("content", "expected", "given_as"),
    [
        ("1\n2\n", "integer", "integer"),
        ("1\n\n3\n", "integer", "integer"),
        ("1.0\n2.0\n", "numeric", "float"),
        ("0\n1\n1\n", "boolean", "integer"),
        ("yes\nno\nYES\n".lower(), "boolean", "text"),
        ("True\nFalse\n", "boolean", "boolean"),
        ("cat\ndog\ncat\n", "categorical", "text"),
        ("01234\n04321\n01234\n", "categorical", "text"),
        ("2020-01-01\n2021-12-31\n", "date", "date"),
        ("2020-01-01T12:30\n2021-12-31 08:00:01\n", "date", "datetime"),
        ("7\n7\n", "integer", "integer"),
        ("NA\n?\n3.5\n", "numeric", "float"),
    ],
)
def test_types_are_inferred(tmp_path, content, expected, given_as):
    (column,) = read(tmp_path, "x\n" + content).columns
    assert (column.type, column.given_as) == (expected, given_as)


@pytest.mark.parametrize(
    ("values", "chosen", "stored"),
    [
        ("1\n2\n", "numeric", [1.0, 2.0]),
        ("1.0\n2.0\n", "integer", [1.0, 2.0]),
        ("1\n2\n10\n", "categorical", [0.0, 1.0, 2.0]),
        ("red\nblue\n", "boolean", [1.0, 0.0]),
        ("0\n1\n", "integer", [0.0, 1.0]),
        ("2020-01-01\n2020-01-02\n", "categorical", [0.0, 1.0]),
    ],
)
def test_types_can_be_stated(tmp_path, values, chosen, stored):
    collection = read(tmp_path, "x\n" + values, columns={"x": chosen})
    assert types(collection) == [chosen]
    assert [row[0] for row in rows(collection)] == stored


def test_categories_that_are_whole_numbers_stand_in_their_order(tmp_path):
    assert read(tmp_path, "x\n10\n9\n10\n", columns={"x": "categorical"}).columns[0].categories == ("9", "10")


def test_dates_in_another_form_are_read_where_it_is_stated(tmp_path):
    collection = read(tmp_path, "x\n03/01/1970\n31/12/1969\n", date_format="%d/%m/%Y")
    assert (types(collection), rows(collection)) == (["date"], [[2.0], [-1.0]])


def test_missing_values_stay_missing_and_a_note_counts_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,\n,x\n3,x\n")
    notes = []
    collection = Table(path=str(path)).load(notes.append)
    assert notes == ["t.csv: missing values are kept as missing: 1 of 3 in a, 1 of 3 in b"]
    assert [[math.isnan(value) for value in row] for row in rows(collection)] == [
        [False, True],
        [True, False],
        [False, False],
    ]


def test_texts_for_missing_values_can_be_stated(tmp_path):
    collection = read(tmp_path, "a,b\n1,-\n-99,x\n", missing=["-", "-99"])
    assert np.isnan(rows(collection)).tolist() == [[False, True], [True, False]]


def test_a_constant_column_and_a_single_row_are_kept(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n5,1\n")
    data = load_data({"name": "table", "path": str(path)}, validation=0.0, test=0.0)
    assert data.train.examples(1).tolist() == [[0.0, 0.0]], "a constant is 0 in standard deviations"


def test_latin_1_is_read_where_it_is_stated(tmp_path):
    content = "a,b\n1,café\n2,thé\n".encode("latin-1")
    assert read(tmp_path, content, encoding="latin-1").columns[1].categories == ("café", "thé")


def test_a_hash_puts_texts_into_few_categories_the_same_everywhere(tmp_path):
    collection = read(tmp_path, "id,name\n" + MANY, columns={"name": "hash"}, hash_buckets=8)
    column = collection.columns[1]
    assert (column.hashed, column.categories) == (True, tuple(f"#{number}" for number in range(8)))
    codes = collection.splits["train"].examples[:, 1]
    assert set(codes.tolist()) == set(range(8))
    assert (
        codes[:4].tolist()
        == read(tmp_path, "id,name\n" + MANY, columns={"name": "hash"}, hash_buckets=8)
        .splits["train"]
        .examples[:4, 1]
        .tolist()
    )


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("", {}, r"path: .*t\.csv is empty"),
        ("\n \n", {}, r"t\.csv is empty"),
        ("a,b\n", {}, "has no rows"),
        ("1,2\n3,4\n", {}, r"header: .*got '1, 2', which look like values.*`header: false`"),
        ("a,a\n1,2\n", {}, "columns of different names, got 'a' more than once"),
        ("a,\n1,2\n3,9\n", {}, "the column 2 .*has no name"),
        ("a,b\n1,2\n3\n", {}, "expected 2 values in each row, got 1 in line 3 of"),
        ("a,b\n1,2\n3,4,5\n", {}, "expected 2 values in each row, got 3 in line 3 of"),
        ('a,b\n1,"x"y\n', {}, "cannot be read beyond line 1.*quotes"),
        ('a,b\n1,"x\n', {}, "cannot be read.*quotes"),
        ("a,b\n1,caf\xe9\n".encode("latin-1"), {}, "is not text in utf-8.*`encoding: latin-1`"),
        ("a,b\n1,2\n", {"encoding": "utf-5"}, "unknown encoding 'utf-5'"),
        ("a,b\n1,inf\n2,3\n", {}, "finite numbers in the column 'b', got infinity in row 1"),
        ("a,b\n1,∞\n2,3\n", {}, "finite numbers in the column 'b', got infinity in row 1"),
        ("a,b\n1,\n2,\n", {}, "the column 'b' has no values.*`columns: {b: ignore}`"),
        (f'a\n{NUMBERS}"1,234"\n', {}, "numbers such as '1,234', which may be 1.234 or 1234"),
        ('a\n"1,234"\n"2,345"\n', {}, "numbers such as '1,234', which may be 1.234 or 1234"),
        ('a;b\n1,5;"1,234.5"\n', {}, "'a' is written with decimal commas, 'b' with commas between thousands"),
        (
            "a\n" + "".join(f"{number}\n" for number in range(30)) + "unknown\n",
            {},
            "the column 'a' holds numbers, and 'unknown' in row 31.*`missing`",
        ),
        ("a,b\n" + MANY, {}, "'b' holds more than 100 different values.*ignore.*hash.*max_categories"),
        ("a,b\n" + MANY, {"columns": {"b": "categorical"}}, "'b' holds more than 100 different values"),
        ("a,b\n" + MANY[:200], {}, "'b' holds texts that are neither numbers nor dates nor categories.*ignore"),
        ("a\nx\ny\n", {"columns": {"a": "numeric"}}, "'a' to hold numbers, got 'x' in row 1"),
        ("a\n1.5\n", {"columns": {"a": "integer"}}, "'a' to hold whole numbers"),
        ("a\n1\n2\n3\n", {"columns": {"a": "boolean"}}, "'a' to hold two values"),
        ("a\n31/12/2020\n", {"columns": {"a": "date"}}, "dates such as 2026-07-31, got '31/12/2020'.*date_format"),
        ("age,b\n1,2\n", {"columns": {"aeg": "numeric"}}, "unknown column 'aeg' in t.csv.*Did you mean 'age'"),
        ("age,b\n1,2\n", {"label": "c"}, "label: unknown column 'c'"),
        ("a,b\n1,x\n2,\n", {"label": "b"}, "a class in every row, got 1 of 2 rows without a value in 'b'"),
        ("a,b\n" + "".join(f"1,{n / 7}\n" for n in range(20)), {"label": "b"}, "expected classes, got 20 different"),
        ("a,b\n1,2\n", {"columns": {"a": "ignore", "b": "ignore"}}, "no column of t.csv is left"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", {}, "is not text in utf-8"),
    ],
)
def test_what_cannot_be_read_right_is_refused_in_one_message(tmp_path, content, options, says):
    with pytest.raises(DataError, match=f"(?s){says}"):
        read(tmp_path, content, **options)


def test_the_section_of_the_data_is_named_once(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"^data: t\.csv has no rows"):
        load_data({"name": "table", "path": str(tmp_path / "t.csv")})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("absent.csv", r"the file .*absent\.csv does not exist.*Formats"),
        ("t.pdf", r"ends in '\.pdf'"),
        ("t.xlsx", r"ends in '\.xlsx'.*to_csv"),
        (".", "is a folder, and no data set that `datasets` saved"),
        ("damaged.parquet", "damaged"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, says):
    for each in ("t.pdf", "t.xlsx", "damaged.parquet"):
        (tmp_path / each).write_bytes(b"PAR1 or not")
    with pytest.raises(DataError, match=f"(?s){says}"):
        Table(path=str(tmp_path / name)).load(print)


def test_reading_takes_memory_for_the_numbers_and_one_block_of_text(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.tables.delimited.ROWS_AT_ONCE", 7)
    lines = "".join(f"{number / 3:.6f},{'abc'[number % 3]}\n" for number in range(50))
    collection = read(tmp_path, "x,y\n" + lines)
    expected = [[round(number / 3, 6), number % 3] for number in range(50)]
    assert rows(collection) == expected, "blocks stand in their order"


def test_numbers_of_rows_in_messages_go_on_from_block_to_block(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.tables.delimited.ROWS_AT_ONCE", 7)
    lines = "".join("1\n" for _ in range(20)) + "inf\n"
    with pytest.raises(DataError, match="row 21"):
        read(tmp_path, "x\n" + lines)


def test_a_column_may_hold_the_names_of_the_rows(tmp_path):
    content = "id,a,b\nx7,1.5,2\n,3,4\n"
    named = read(tmp_path, content, row_name="id")
    assert named.splits["train"].names == ("x7", "")
    assert [column.name for column in named.columns] == ["a", "b"]
    assert rows(named) == [[1.5, 2.0], [3.0, 4.0]]
    with pytest.raises(DataError, match=r"row_name: unknown column 'idd' in t\.csv\nDid you mean 'id'"):
        read(tmp_path, content, row_name="idd")
    with pytest.raises(DataError, match=r"row_name: the column 'id' has the names of the rows, but `columns` says"):
        read(tmp_path, content, row_name="id", columns={"id": "categorical"})
