"""Presets of sparse, denoising and linear autoencoders learn the digits, in a few epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo

EPOCHS = {
    "sparse-ae-l1-512d": 4,
    "sparse-ae-top-k-512d": 4,
    "denoising-ae-mlp-8d": 8,
    "linear-ae-8d": 8,
    "ppca-8d": 8,
}
"""Epochs after which each preset explains a quarter of the variance."""


@pytest.mark.parametrize("preset", EPOCHS)
def test_a_preset_learns_the_digits(preset: str, tmp_path: Path) -> None:
    recipe = {
        "name": "digits",
        "model": {"preset": preset},
        "data": {"name": "digits", "subset": 600},
        "train": {"epochs": EPOCHS[preset], "batch_size": 50, "optimizer": {"name": "adam", "lr": 1e-2}},
        "evaluate": {"metrics": ["explained_variance"], "figures": []},
    }
    run = zoo.train(recipe, out=tmp_path / "run")
    assert run.metrics[-1]["validation"]["loss"] < run.metrics[0]["validation"]["loss"]
    assert run.evaluation["metrics"]["explained_variance"] > 0.25
