"""Presets of sparse, denoising and linear autoencoders learn the digits, in a few epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo

PRESETS = ["sparse-ae-l1-512d", "sparse-ae-top-k-512d", "denoising-ae-mlp-8d", "linear-ae-8d", "ppca-8d"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_learns_the_digits(preset: str, tmp_path: Path) -> None:
    recipe = {
        "name": "digits",
        "model": {"preset": preset},
        "data": {"name": "digits", "subset": 600},
        "train": {"epochs": 8, "batch_size": 50, "optimizer": {"name": "adam", "lr": 1e-2}},
        "evaluate": {"metrics": ["explained_variance"], "figures": []},
    }
    run = zoo.train(recipe, out=tmp_path / "run")
    assert run.metrics[-1]["validation"]["loss"] < run.metrics[0]["validation"]["loss"]
    assert run.evaluation["metrics"]["explained_variance"] > 0.25
