"""Denoisers on the command line: sampling options, and the comparison with models of the same images in [0, 1]."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zoo

QUICK = ["train.epochs=1", "train.precision=fp32", "data.subset=200", "evaluate.metrics=[]", "evaluate.figures=[]"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    denoiser = ["model.network.channels=[4]", "model.objective.steps=10"]
    zoo.train("digits-denoiser", out=folder / "denoiser", overrides=[*QUICK, *denoiser])
    vae = ["model.encoder.widths=[8]", "model.decoder.widths=[8]"]
    zoo.train("digits-vae", out=folder / "vae", overrides=[*QUICK, *vae])
    return folder


def test_sampling_options_reach_the_chain(cli, runs, tmp_path):
    def draw(*options: str) -> np.ndarray:
        arguments = [part for option in options for part in ("--option", option)]
        assert (
            cli(
                "sample", runs / "denoiser", "--count", 4, "--out", tmp_path / "x.npy", "--overwrite", *arguments
            ).status
            == 0
        )
        return np.load(tmp_path / "x.npy")

    assert draw().shape == (4, 1, 8, 8)
    assert np.array_equal(draw("steps=5", "method=ddim"), draw("steps=5", "method=ddim"))
    assert not np.array_equal(draw("steps=5", "method=ddim"), draw("steps=5"))
    assert cli("sample", runs / "denoiser", "--count", 4, "--out", tmp_path / "x.png").status == 0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("stepz=5", "Did you mean 'steps'?"),
        ("steps=99", "a whole number from 1 to 10"),
        ("steps", "expected KEY=VALUE"),
        ("trajectory=true", "only from Python"),
        ("guidance=2", "not trained without labels"),
    ],
)
def test_a_wrong_sampling_option_is_one_message(cli, runs, tmp_path, option, message):
    done = cli("sample", runs / "denoiser", "--option", option, "--out", tmp_path / "y.npy")
    assert done.status == 2
    assert message in done.err
    assert not (tmp_path / "y.npy").exists()


def test_an_autoencoders_options_are_not_a_denoisers(cli, runs, tmp_path):
    done = cli("sample", runs / "vae", "--option", "steps=5", "--out", tmp_path / "y.npy")
    assert "unknown option 'steps'" in done.err


@pytest.mark.slow
def test_a_denoiser_is_compared_with_a_vae_of_the_same_images(cli, runs, tmp_path):
    out = tmp_path / "comparison"
    metric = "{name: sample_quality, examples: 100}"
    done = cli("compare", runs / "vae", runs / "denoiser", "--metric", metric, "--out", out)
    assert done.status == 0, done.err
    vae, denoiser = (record["metrics"] for record in json.loads((out / "comparison.json").read_text()).values())
    # The same data in the same features: what training data score does not depend on the model.
    assert vae["frechet_distance_data"] == pytest.approx(denoiser["frechet_distance_data"], rel=1e-3)
    assert (out / "comparison.png").is_file()
