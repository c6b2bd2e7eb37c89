"""Parquet and data sets of Hugging Face's library, from disk."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from zoo.data import load_data
from zoo.datasets.table import Table
from zoo.errors import DataError

FRAME = pd.DataFrame({"a": [1.5, None, 3.0, 4.5] * 5, "b": ["x", "y", "y", None] * 5, "y": ["no", "yes"] * 10})


def columns_and_rows(path, **options):
    collection = Table(path=str(path), label="y", **options).load(lambda _: None)
    return collection.columns, {name: stored.examples for name, stored in collection.splits.items()}


@pytest.fixture
def as_csv(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    return columns_and_rows(tmp_path / "t.csv")


def test_parquet_is_read_as_the_same_table_in_text(tmp_path, as_csv, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("zoo.tables.sources.ROWS_AT_ONCE", 7)
    FRAME.to_parquet(tmp_path / "t.parquet")
    columns, rows = columns_and_rows(tmp_path / "t.parquet")
    assert columns == as_csv[0]
    assert rows["train"].nan_to_num(-1).tolist() == as_csv[1]["train"].nan_to_num(-1).tolist()


def test_a_saved_data_set_with_splits_is_read_with_its_splits(tmp_path, as_csv):
    datasets = pytest.importorskip("datasets")
    whole = datasets.Dataset.from_pandas(FRAME)
    datasets.DatasetDict({"train": whole, "test": whole.select(range(4))}).save_to_disk(tmp_path / "saved")
    columns, rows = columns_and_rows(tmp_path / "saved")
    assert [column.type for column in columns] == [column.type for column in as_csv[0]]
    assert {name: len(part) for name, part in rows.items()} == {"train": 20, "test": 4}
    assert rows["train"].nan_to_num(-1).tolist() == as_csv[1]["train"].nan_to_num(-1).tolist()


def test_classes_of_a_saved_data_set_have_their_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"a": datasets.Value("float64"), "y": datasets.ClassLabel(names=["ham", "spam"])})
    datasets.Dataset.from_dict({"a": [1.0, 2.0, 3.0], "y": [1, 0, 1]}, features).save_to_disk(tmp_path / "saved")
    data = load_data({"name": "table", "path": str(tmp_path / "saved"), "label": "y"}, test=0.0, validation=0.0)
    assert data.info.class_names == ("ham", "spam")
    assert data.train.labels.tolist() == [1, 0, 1]


def test_a_name_of_the_hub_is_handed_to_the_library(monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []

    def load_dataset(*arguments):
        asked.append(arguments)
        return datasets.DatasetDict({"train": datasets.Dataset.from_pandas(FRAME)})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    columns, _ = columns_and_rows("hf://datasets/user/people:first")
    assert asked == [("user/people", "first")]
    assert [column.name for column in columns] == ["a", "b"]


@pytest.mark.parametrize(
    ("missing", "name", "says"),
    [
        ("pyarrow.parquet", "t.parquet", "reading Parquet needs pyarrow.parquet"),
        ("datasets", "hf://datasets/user/people", "a data set of Hugging Face needs datasets"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_how_to_install_it(tmp_path, monkeypatch, missing, name, says):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, missing, None)
    path = name if "//" in name else str(tmp_path / name)
    with pytest.raises(DataError, match=rf"(?s){says}, which is not installed.*pip install") as refusal:
        Table(path=path).load(print)
    assert refusal.value.where == "path"


def test_text_files_need_no_library(tmp_path, monkeypatch):
    for library in ("pandas", "pyarrow", "polars", "datasets"):
        monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    assert len(Table(path=str(tmp_path / "t.csv")).load(print).splits["train"]) == 2


def test_texts_of_a_parquet_file_that_are_not_utf8_are_a_message(tmp_path):
    pd.DataFrame({"a": range(6), "day": ["2026-07-31"] * 6}).to_parquet(tmp_path / "t.parquet", compression=None)
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content.replace(b"2026-07-31", b"2026-\xff7-31"))
    with pytest.raises(DataError, match=r"t\.parquet: damaged: .*UTF8"):
        load_data({"name": "table", "path": str(tmp_path / "t.parquet")})
