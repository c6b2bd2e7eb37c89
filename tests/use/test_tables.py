"""Rows of mixed tables: what is missing filled in, and every cell that was there as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.cli._data import open_data, open_whole
from zoo.cli._reference import MODEL
from zoo.datasets.table import Table
from zoo.model import Model
from zoo.posteriors import posterior_mean
from zoo.use.units import log_volume

COLUMNS = ("age", "height", "pet", "member", "born")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """A model of a table of mixed columns with missing values, trained for a moment."""
    pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(60):
            tall = bool(rng.random() < 0.5)
            row = [int(rng.integers(20, 80)), 150 + 30 * tall + round(float(rng.normal()), 2), "dog" if tall else "cat",
                   "yes" if tall else "no", f"19{rng.integers(50, 99)}-01-1{rng.integers(0, 9)}"]  # fmt: skip
            if number % 3 == 1:
                row[number // 3 % 5] = ""
            writer.writerow(row)
    run = zoo.train(
        {"name": "people", "model": {"preset": "vae-mlp-2d", "likelihood": "columns"},
         "data": {"name": "table", "path": str(folder / "people.csv")}},
        out=folder / "run",
        overrides=["model.encoder.widths=[8]", "model.decoder.widths=[8]", "train.epochs=1",
                   "evaluate={metrics: [], figures: []}"],
    )  # fmt: skip
    return run.model, folder / "people.csv"


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_numbers_with_more_digits_than_32_bits_hold_come_back_with_all_of_them(table):
    model, path = table
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(path)
    exact = [2062865.11, 64999.87, 1e9 + 0.25]
    frame.loc[[2, 3, 5], "height"] = exact
    whole = zoo.impute(model, zoo.load_data(frame, like=model.data, whole=True)).to_frame()
    assert list(whole["height"][[2, 3, 5]]) == exact
    assert whole["height"].notna().all()


def test_every_cell_that_was_there_is_written_as_it_was(table, tmp_path):
    model, path = table
    data = zoo.load_data({"name": "table", "path": str(path)}, like=model.data, whole=True)
    zoo.impute(model, data).save(tmp_path / "whole.csv")
    before, after = cells(path), cells(tmp_path / "whole.csv")
    assert len(before) == len(after) == 60
    for row, whole in zip(before, after, strict=True):
        assert int(whole["missing"]) == sum(row[name] == "" for name in COLUMNS)
        assert all(whole[name] != "" for name in COLUMNS)
        for name in COLUMNS:
            if row[name]:
                assert type_of(name)(whole[name]) == type_of(name)(row[name])
    assert {whole["pet"] for whole in after} == {"cat", "dog"}


def type_of(name: str) -> type:
    return float if name in ("age", "height") else str


def test_columns_in_another_order_are_found_by_name(table, tmp_path):
    model, path = table
    first = cells(path)
    with (tmp_path / "other.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*reversed(COLUMNS), "note"])
        writer.writeheader()
        writer.writerows({**row, "note": "left out"} for row in first)
    rows = [
        zoo.score(model, zoo.load_data({"name": "table", "path": str(each)}, like=model.data, whole=True),
                  num_samples=10, by_value=True)
        for each in (path, tmp_path / "other.csv")
    ]  # fmt: skip
    assert (rows[0]["log_likelihood"] == rows[1]["log_likelihood"]).all()
    frame = rows[0].to_frame()
    assert [*frame.columns[-5:]] == [*COLUMNS]
    assert (frame.loc[[not row["age"] for row in first], "age"] == 0).all(), "a missing value adds nothing"


def test_contributions_of_columns_sum_to_the_log_density(table):
    model, path = table
    data = zoo.load_data({"name": "table", "path": str(path)}, like=model.data, whole=True).train
    found = zoo.score(model, data, num_samples=2, by_value=True)["contribution"]
    assert found.shape == (60, len(COLUMNS))
    batch = next(data.batches(60))
    inference = model.inference(*batch)
    p = inference.decode(posterior_mean(inference.posterior))
    whole = model.likelihood.log_prob(p, inference.x, inference.mask) + log_volume(model, inference.mask).sum(1)
    np.testing.assert_allclose(found.sum(1), whole.detach().numpy(), rtol=1e-4, atol=1e-4)
    pet = p.groups[1].log_prob(inference.x[:, 2:4])  # places of two columns of numbers stand before
    seen = inference.mask[:, 2]
    np.testing.assert_allclose(found[seen, COLUMNS.index("pet")], pet[seen].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_commands_leave_out_columns_that_a_recipe_would_refuse(table, tmp_path):
    model, path = table
    with (tmp_path / "more.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*COLUMNS, "note"])
        writer.writeheader()
        writer.writerows({**row, "note": f"free text {number}"} for number, row in enumerate(cells(path)))
    folder = MODEL.convert(str(path.parent / "run"), None, None)
    _, whole = open_whole(folder, model, str(tmp_path / "more.csv"), ())
    assert whole.info.description.columns == model.data.columns
    opened = open_data(folder, model, str(tmp_path / "more.csv"), ())
    assert opened.is_run_split, "the columns that the model knows are those that it was trained on"


def test_rows_carry_the_names_in_a_column_of_the_file(table, tmp_path):
    model, path = table
    with (tmp_path / "named.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["person", *COLUMNS])
        writer.writeheader()
        writer.writerows({"person": f"p{number}", **row} for number, row in enumerate(cells(path)))
    spec = {"name": "table", "path": str(tmp_path / "named.csv"), "row_name": "person"}
    named = zoo.score(model, zoo.load_data(spec, like=model.data, whole=True), num_samples=2)
    assert named["name"].tolist() == [f"p{number}" for number in range(60)]
    plain = zoo.score(model, zoo.load_data({"name": "table", "path": str(path)}, like=model.data, whole=True),
                      num_samples=2)  # fmt: skip
    assert "name" not in plain
    assert (named["log_likelihood"] == plain["log_likelihood"]).all(), "the names are not values"


def test_a_table_without_the_names_that_a_run_had_has_numbered_rows(table):
    model, path = table
    notes = []
    dataset = Table(path=str(path), row_name="person").adapted_to(model.data)
    assert dataset.load(notes.append).splits["train"].names is None
    assert notes[0] == "people.csv: rows are numbered, because there is no column 'person' with their names"


def test_columns_that_are_called_like_keys_keep_their_names(tmp_path):
    pytest.importorskip("pandas")
    with (tmp_path / "odd.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "missing", "split"])
        writer.writerows([number * 1.5, number % 7 + 0.25, number % 3 + 0.5] for number in range(40))
        writer.writerow(["", 1.25, 0.5])
    run = zoo.train(
        {"name": "odd", "model": {"preset": "vae-mlp-2d", "likelihood": "columns"},
         "data": {"name": "table", "path": str(tmp_path / "odd.csv")}},
        out=tmp_path / "run",
        overrides=["model.encoder.widths=[4]", "model.decoder.widths=[4]", "train.epochs=1",
                   "evaluate={metrics: [], figures: []}"],
        quiet=True,
    )  # fmt: skip
    data = zoo.load_data({"name": "table", "path": str(tmp_path / "odd.csv")}, like=run.model.data, whole=True)
    rows = zoo.impute(run.model, data)
    assert list(rows) == ["example_row", "row", "missing", "split", "example_missing"]
    assert rows["example_row"].tolist() == list(range(41))
    assert rows["row"][:3].tolist() == [0.0, 1.5, 3.0]
    assert rows["example_missing"].sum() == 1
    scores = zoo.score(run.model, data, num_samples=2, by_value=True)
    assert [*scores.to_frame().columns[-3:]] == ["contribution_row", "missing", "split"]
