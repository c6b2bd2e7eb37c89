"""Commands that give a row for each example: embed, score, reconstruct, impute."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import zoo
from zoo.use.units import log_volume

MODEL = "vae-mlp-2d.digits"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with arrays of digits, a mask, and a checkpoint of one's own."""
    place = tmp_path_factory.mktemp("data")
    digits = zoo.load_data("digits", scale="none")
    x = digits.test.examples(30).numpy().astype(np.uint8)
    names = np.array(digits.info.class_names)[digits.test.labels[:30].numpy()]
    np.savez(place / "new.npz", x=x, y=names)
    np.save(place / "mask.npy", np.arange(64).reshape(8, 8) < 32)
    zoo.save(zoo.load(MODEL), place / "model")
    return place


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (["embed"], ["row", "class", "z0", "z1"]),
        (
            ["score", "--num-samples", "5"],
            ["row", "class", "log_likelihood", "elbo", "reconstruction", "kl", "squared_error"],
        ),
    ],
    ids=["embed", "score"],
)
def test_a_file_by_its_path_gives_a_row_for_each_example(cli, folder, tmp_path, words, columns):
    before = sorted(path.name for path in (folder / "model").iterdir())
    done = cli(*words, folder / "model", "--data", folder / "new.npz", "--out", tmp_path / "rows.csv")
    assert done.status == 0, done.err
    found = rows_of(tmp_path / "rows.csv")
    assert list(found[0]) == columns
    assert [row["row"] for row in found] == [str(number) for number in range(30)]
    assert sorted(path.name for path in (folder / "model").iterdir()) == before


def test_the_facts_are_json(cli, folder, tmp_path):
    done = cli("score", MODEL, "--data", folder / "new.npz", "--num-samples", 5, "--out", tmp_path / "s.npz", "--json")
    facts = json.loads(done.out)
    with np.load(tmp_path / "s.npz") as written:
        assert facts["rows"] == 30
        assert facts["ranked_by"] == "log_likelihood"
        assert facts["mean_log_likelihood"] == pytest.approx(written["log_likelihood"].mean(), abs=1e-3)
        assert facts["most_unusual"] == [str(row) for row in written["log_likelihood"].argsort()[:5]]
    assert facts["columns"]["log_likelihood"]["unit"] == "nats"


@pytest.mark.parametrize("missing", [False, True])
def test_the_difference_to_scaled_data_is_a_number_if_every_row_has_the_same(cli, tmp_path, missing):
    table = np.random.default_rng(0).normal(size=(60, 2)) * [1.0, 100.0]
    if missing:
        table[3, 1] = np.nan
    frame = pd.DataFrame(table, columns=["a", "b"])
    frame.to_csv(tmp_path / "new.csv", index=False)
    known = zoo.load_data(frame).info
    data = {"data_shape": known.description.shape, "data_range": None, "data": known.description.model_dump()}
    small = {"latent_dim": 1, "encoder": {"widths": [4]}, "decoder": {"widths": [4]}, "mask_input": True}
    model = zoo.build("vae-mlp-2d", likelihood="gaussian", **data, **small)
    zoo.save(model, tmp_path / "model")
    words = ["score", tmp_path / "model", "--data", tmp_path / "new.csv", "--num-samples", 5, "--quiet"]
    done = cli(*words, "--out", tmp_path / "scores.csv", "--json")
    assert done.status == 0, done.err
    facts = json.loads(done.out)
    assert "unit" not in facts
    expected = float(log_volume(model).sum())
    assert facts.get("scaled_data_difference") == (None if missing else pytest.approx(-expected))
    assert expected < -4  # the logarithm of 100, which the second column is divided by
    shown = cli(*words, "--out", tmp_path / "again.csv").out
    assert ("for scaled data, as in `evaluate`, +" in shown) is not missing


def test_values_are_filled_in_where_a_mask_says_so(cli, folder, tmp_path):
    words = ["--data", folder / "new.npz", "--mask", folder / "mask.npy", "--out", tmp_path / "whole.npz"]
    done = cli("impute", MODEL, *words)
    assert done.status == 0, done.err
    assert "values filled in: 960" in done.out
    with np.load(tmp_path / "whole.npz") as written, np.load(folder / "new.npz") as given:
        assert (written["x"][..., :4, :] == given["x"][..., :4, :]).all()
    nothing = cli("impute", MODEL, "--data", folder / "new.npz", "--out", tmp_path / "same.npz")
    assert "no value was missing" in nothing.err


@pytest.mark.parametrize("command", ["reconstruct", "impute"])
def test_a_folder_that_is_not_empty_is_refused_with_overwrite_too_as_the_help_says(cli, folder, tmp_path, command):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "00.png").write_text("mine")
    words = ["--data", folder / "new.npz", "--out", tmp_path / "images", "--overwrite"]
    done = cli(command, MODEL, *words)
    assert (done.status, (tmp_path / "images" / "00.png").read_text()) == (2, "mine")
    assert "the directory is not empty\nName a new or an empty directory." in done.err
    assert "folder must be new or empty" in " ".join(cli(command, "--help").out.split())


def test_the_data_of_a_recipe_are_used_in_all_their_splits(cli, tmp_path):
    done = cli("embed", MODEL, "--count", "4", "--out", tmp_path / "codes.csv")
    assert done.status == 0, done.err
    assert [row["split"] for row in rows_of(tmp_path / "codes.csv")] == [
        split for split in ("train", "validation", "test") for _ in range(4)
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["embed", MODEL, "--data", "new.npz", "--out", "new.npz", "--overwrite"],
            "new.npz is the file that the data are read from",
        ),
        (["embed", "model", "--data", "new.npz", "--out", "model/codes.csv"], "is inside the run"),
        (["embed", MODEL, "--data", "new.npz", "--out", "x.png"], "expected images for an image file, got embeddings"),
        (["embed", MODEL, "--data", "new.npz", "--out", "x.csv", "--label", "3"], "the model is not conditional"),
        (["reconstruct", MODEL, "--data", "new.npz", "--out", "x.csv"], "a .csv table cannot contain images"),
        (["reconstruct", MODEL, "--out", "x.png"], "at most 400 examples in one image"),
        (["impute", MODEL, "--data", "new.npz", "--mask", "none.npy", "--out", "x.npz"], "none.npy: cannot be read"),
        (["embed", MODEL, "--data", "none.npz", "--out", "x.npz"], "none.npz"),
        (["embed", "denoiser-unet.digits", "--out", "x.npz"], "expected a model with latents"),
    ],
)
def test_what_cannot_be_done_is_one_message(cli, folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = cli(*words)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_one_row_is_not_said_to_be_many(cli, tmp_path: Path) -> None:
    done = cli("score", "vae-mlp-2d.digits", "--data", "digits", "--count", "1", "--num-samples", "2",
               "--out", tmp_path / "s.csv")  # fmt: skip
    assert "Computing 1 score …" in done.err
    assert "Wrote 1 score to" in done.out
