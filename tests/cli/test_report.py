"""``zoo-cli report``: one file beside the run, measured anew only where the run's own figures do not hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import zoo

pytestmark = pytest.mark.usefixtures("small")
TINY = [
    "model.encoder.widths=[16]", "model.decoder.widths=[16]", "data.subset=100", "train.precision=fp32",
    "train.epochs=1", "evaluate.metrics=[mse]", "evaluate.figures=[]",
]  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarse map, no pictures, and one figure: tests/report tests those."""
    monkeypatch.setattr("zoo.report.page.drawn_figures", lambda *arguments, **options: iter(()))
    monkeypatch.setattr("zoo.report.page._EXPLORER_BUDGETS", (60_000, 60_000))
    chosen = zoo.evaluation.evaluate.choose_metrics
    monkeypatch.setattr(
        "zoo.evaluation.evaluate.choose_metrics", lambda context, metrics: chosen(context, metrics or ["mse"])
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return zoo.train("digits", out=tmp_path_factory.mktemp("runs") / "digits", overrides=TINY).path


def test_the_report_stands_beside_the_run_and_says_its_size(cli, run):
    done = cli("report", run)
    assert done.status == 0
    assert done.out.startswith(f"Wrote {run}/report.html, ")
    assert "Evaluating" not in done.err
    first = (run / "report.html").read_bytes()
    assert b"<h1>digits</h1>" in first
    assert str(run).encode() not in first
    assert cli("report", run).status == 0
    assert (run / "report.html").read_bytes() == first
    assert not list(run.glob("*.partial"))


def test_a_run_s_own_figures_are_drawn_again_without_overwrite(cli, run):
    assert [cli("plot", run, "samples").status for _ in range(2)] == [0, 0]


def test_other_data_are_measured_anew_and_the_run_keeps_its_own_figures(cli, run, tmp_path):
    before = (run / "evaluation.json").read_text()
    done = cli("report", run, "--split", "train", "--out", tmp_path / "train.html")
    assert "Evaluating on 100 examples" in done.err
    assert "train split, 100 examples" in (tmp_path / "train.html").read_text()
    assert (run / "evaluation.json").read_text() == before
    done = cli("report", run, "--set", "binarise=threshold", "--out", tmp_path / "binary.html")
    assert "Evaluating on 270 examples" in done.err


def test_a_checkpoint_without_a_run_has_a_report_of_its_model(cli, run, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(run / name, checkpoint / name)
    done = cli("report", checkpoint)
    assert done.status == 2
    assert "Name a dataset: --data digits" in done.err
    assert not (checkpoint / "report.html").exists()
    assert cli("report", checkpoint, "--data", "digits", "--out", tmp_path / "page.html").status == 0
    assert not (checkpoint / "report.html").exists()
    page = (tmp_path / "page.html").read_text()
    assert "The spec that rebuilds the model" in page
    preset = json.loads((run / "config.json").read_text())["spec"]["preset"]
    assert f"<h1>{preset}</h1>" in page


def test_a_run_that_begins_anew_leaves_no_report_of_another_model(run, tmp_path):
    again = shutil.copytree(run, tmp_path / "digits")
    (again / "report.html").write_text("of the first model")
    (again / "notes.txt").write_text("mine")
    zoo.train("digits", out=again, overrides=TINY, overwrite=True)
    assert not (again / "report.html").exists()
    assert (again / "notes.txt").exists()


def test_a_pretrained_model_is_reported_on_here_not_where_it_came_from(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("report", "vae-mlp-2d.digits")
    assert done.status == 0
    assert done.out.startswith("Wrote report.html, ")
    assert (tmp_path / "report.html").is_file()


def test_what_does_not_fit_is_one_message(cli, run, tmp_path):
    done = cli("report", run, "--set", "resize=[9, 9]", "--out", tmp_path / "report.html")
    assert done.status == 2
    assert "expected examples of shape (1, 8, 8), as in the model, got (1, 9, 9)" in done.err
    assert not (tmp_path / "report.html").exists()
