"""Commands on a run whose data were in memory: they say in words what is needed, and take files of the same data."""

from __future__ import annotations

import numpy as np
import pytest

import zoo

X = np.random.default_rng(0).normal(size=(80, 4))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return zoo.fit(
        X,
        "vae-mlp-8d",
        out=tmp_path_factory.mktemp("runs") / "fit",
        encoder={"widths": [8]},
        epochs=1,
        evaluation={"metrics": ["mse"], "figures": []},
        quiet=True,
    )


@pytest.mark.parametrize("command", ["evaluate", "report", "plot"])
def test_a_command_without_the_data_says_that_they_must_be_given(cli, run, command):
    done = cli(command, run.path)
    assert done.status == 2
    assert "the data were passed in memory (numpy array of shape (80, 4))" in done.err
    assert "`--data x.npy`" in done.err


def test_the_same_numbers_in_a_file_are_the_data_of_the_run(cli, run, tmp_path):
    np.save(tmp_path / "x.npy", X)
    done = cli("evaluate", run.path, "--data", tmp_path / "x.npy", "--metric", "mse")
    assert done.status == 0
    assert "test split of arrays, 12 examples" in done.out
    assert f"{run.evaluation['metrics']['mse']:.4f}"[:5] in done.out
