"""Every preset trains on the UCI digits as it stands, one for tables on points, with adversaries and fitted prior."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.registry import find_component
from zoo.runs.run import Run
from zoo.spec.resolve import load_model_spec

TRAINING = {"epochs": 2, "batch_size": 32, "optimizer": {"lr": 2e-3}}


def recipe(preset: str) -> dict[str, Any]:
    spec = load_model_spec(preset)
    # Noise of unit size is added to the data of a denoiser.
    data = "gaussian_mixture" if "-table-" in preset else "digits"
    symmetric = {"scale": "symmetric"} if find_component("objective", spec.objective.name).uses_time else {}
    return {
        "name": "preset",
        "model": {"preset": preset},
        "data": {"name": data, "subset": 128, **symmetric},
        "train": TRAINING,
        "fit": TRAINING if spec.fitted_prior is not None else None,
        "evaluate": {"metrics": [], "figures": []},
    }


def learned(run: Run, epoch: int) -> float:
    """Return what a model of any kind learns to lower: its error on the data, without the terms that shape latents."""
    record = run.metrics[epoch]
    if run.model.spec.objective.options.get("reconstruction_weight") == 0:
        # Another distance, between images or features of them, takes the place of the error.
        return float(record["train"]["loss"])
    losses = record["validation"]
    return next(losses[name] for name in ("reconstruction", "squared_error", "loss") if name in losses)


def has_a_twin(preset: str) -> bool:
    """Whether another preset differs from one with convolutions only by its encoder and decoder."""
    family, convolutional, _ = preset.partition("-conv-")
    return bool(convolutional) and any(other.startswith(f"{family}-mlp-") for other in zoo.list_models())


@pytest.mark.parametrize(
    "preset",
    [pytest.param(preset, marks=[pytest.mark.slow] * has_a_twin(preset)) for preset in zoo.list_models()],
)
def test_a_preset_trains_on_digits(preset: str, tmp_path: Path) -> None:
    run = zoo.train(recipe(preset), out=tmp_path / "run", callbacks={})
    assert learned(run, -1) < learned(run, 0)
    model = zoo.load(tmp_path / "run")
    labels = torch.tensor([0, 1]) if model.classes else None
    samples = model.sample(2, labels)
    assert samples.shape == (2, *run.recipe.model.data_shape)
    assert samples.isfinite().all()
    if model.spec.train_examples is not None:
        assert model.spec.train_examples == model.data.splits["train"].examples < 60_000
    assert model.has("fitted_prior") == (load_model_spec(preset).fitted_prior is not None)
