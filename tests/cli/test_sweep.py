"""``zoo-cli sweep``: what it prints and how it ends; `tests/sweeps` has the rest."""

from __future__ import annotations

import json

import pytest

TINY = [
    "train.epochs=1", "data.subset=50", "train.batch_size=32", "model.encoder.widths=[8]", "model.decoder.widths=[8]",
    "evaluate.metrics=[elbo, mse]", "evaluate.figures=[]",
]  # fmt: skip
SETTINGS = [word for text in TINY for word in ("--set", text)]
SCRIPT = """
import math, zoo
from torch import nn
from zoo.encoders import Encoder

@zoo.register("encoder", "swept_pixels")
class Pixels(Encoder):
    def __init__(self, *, data_shape: tuple[int, ...], size: int = 4) -> None:
        super().__init__()
        self.features = size
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(data_shape), size))
    def forward(self, x, condition=None):
        return self.layers(x)
"""


def test_a_sweep_of_a_single_run_is_refused(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("sweep", "digits")
    assert done.status == 2
    assert "got a single run" in done.err
    assert "--seeds 3" in done.err
    assert not (tmp_path / "sweeps").exists()


@pytest.mark.slow
def test_the_table_marks_the_best_and_shows_differences_by_seed(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["sweep", "digits", "--grid", "model.objective.beta=0.5,4", "--seeds", "2", *SETTINGS, "--metric", "mse"]
    done = cli(*words)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "test split of digits, 270 examples"
    assert lines[1].split() == ["beta=0.5", "beta=4"]
    assert "± is one standard deviation over 2 seeds" in done.out
    assert "Best by mse: beta=" in done.out
    assert "Difference from beta=" in done.out
    assert max(map(len, lines[:-1])) <= 100
    assert "4/4 beta=4,seed=1: done in 0:" in done.err
    assert "sweeps/digits/table.csv" in done.out
    assert (tmp_path / "sweeps" / "digits" / "runs" / "beta=0.5,seed=0" / "model.safetensors").is_file()
    refused = cli(*words)
    assert (refused.status, "--resume" in refused.err) == (2, True)
    again = cli(*words, "--resume", "--json")
    assert json.loads(again.out) == json.loads((tmp_path / "sweeps" / "digits" / "sweep.json").read_text())
    assert "0 runs to train, 4 done already" in again.err
    refused = cli("evaluate", "sweeps/digits")
    assert (refused.status, "expected a model, got a sweep" in refused.err) == (2, True)
    compared = cli("compare", "sweeps/digits", "--metric", "mse", "--group", "model.objective.beta")
    assert compared.out.splitlines()[1].split() == ["beta=0.5", "beta=4.0"], compared.err


def test_a_result_that_the_runs_do_not_have_lists_those_that_they_have(cli, tmp_path):
    """No run measures a prior that is fitted after training where the recipe has none."""
    words = ["--grid", "model.objective.beta=1,4", *SETTINGS, "--out", tmp_path / "s", "--metric"]
    done = cli("sweep", "digits", *words, "mse_fitted")
    assert (done.status, "unknown result 'mse_fitted'" in done.err) == (2, True)
    assert "Available: elbo, mse, reconstruction. " in done.err


def test_ctrl_c_at_any_moment_says_how_to_go_on(cli, tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.sweeps.sweep.check_values", interrupted)
    done = cli("sweep", "digits", *SETTINGS, "--seeds", "2", "--out", tmp_path / "sweep")
    assert done.status == 1
    assert "interrupted\nFinished runs are kept: repeat the command with --resume to continue." in done.err


def test_a_failed_run_is_named_at_the_end_with_its_message(cli, tmp_path):
    rates = "train.optimizer.lr=1e30,1e-3"
    done = cli("sweep", "digits", "--grid", rates, *SETTINGS, "--out", tmp_path / "s", "--quiet")
    assert done.status == 1
    assert done.err.count("Error: ") == 1
    assert "1 of 2 runs failed\nlr=1e+30,seed=0: " in done.err
    assert "not finite" in done.err
    assert "lr=0.001" in done.out
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_component_of_a_script_is_in_the_sweep_and_imported_where_it_is_trained(cli, tmp_path):
    script = tmp_path / "swept_parts.py"
    script.write_text(SCRIPT)
    grid = "model.encoder={name: swept_pixels},{name: swept_pixels, size: 2}"
    words = [word for text in TINY if "encoder" not in text for word in ("--set", text)]
    done = cli("sweep", "digits", "--import", script, "--grid", grid, *words, "--out", tmp_path / "s", "--quiet")
    assert done.status == 0, done.err
    assert done.out.splitlines()[1].split()[0] == "encoder=swept_pixels"
    assert "imports=" in (tmp_path / "s" / "sweep.yaml").read_text()
    assert str(script) in (tmp_path / "s" / "runs" / "encoder=swept_pixels,seed=0" / "recipe.yaml").read_text()
