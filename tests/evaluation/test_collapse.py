"""A model that ignores its latents is reported with what helps; one that uses them is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.data import split_of_tensor
from zoo.evaluation.collapse import collapse_note
from zoo.evaluation.context import EvaluationContext
from zoo.model import Model

X = torch.rand(50, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def context_of(model: Model) -> EvaluationContext:
    return EvaluationContext(model, split_of_tensor(X))


def with_posterior_scale(model: Model, scale: float) -> Model:
    """Let the means of the posterior vary with the data by about ``scale``."""
    with torch.no_grad():
        for parameter in model.posterior.parameters():
            parameter.mul_(scale)
    return model


@pytest.mark.parametrize("preset", ["vae-mlp-2d", "vae-mlp-full-2d", "cvae-mlp-2d"])
def test_a_posterior_that_is_the_same_for_all_data_has_collapsed(preset: str) -> None:
    torch.manual_seed(0)
    model = zoo.build(preset, data_shape=(1, 4, 4), classes=None)
    note = collapse_note(context_of(with_posterior_scale(model, 0.0)))
    assert note is not None
    assert "none of the 2 latents is active" in note
    assert "model.objective.beta" in note


@pytest.mark.parametrize("preset", ["vae-mlp-2d", "vae-mlp-full-2d"])
def test_one_active_latent_is_enough(preset: str) -> None:
    torch.manual_seed(0)
    model = with_posterior_scale(zoo.build(preset, data_shape=(1, 4, 4)), 30.0)
    assert collapse_note(context_of(model)) is None


def test_models_without_a_density_are_not_judged() -> None:
    model = with_posterior_scale(zoo.build("ae-mlp-2d", data_shape=(1, 4, 4)), 0.0)
    assert collapse_note(context_of(model)) is None
    assert collapse_note(context_of(zoo.build("denoiser-mlp", data_shape=(1, 4, 4)))) is None


@pytest.mark.parametrize(
    ("overrides", "named", "left_out"),
    [
        ({"likelihood": "gaussian"}, "scale_mode: shared", "KL weight"),
        ({"likelihood": {"name": "gaussian", "scale_mode": "shared"}}, "beta_warmup", "scale_mode"),
        ({"objective": {"beta_warmup": {"epochs": 2}}}, "free_bits", "beta_warmup"),
        ({"objective": {"free_bits": 0.5}}, "beta_warmup", "free_bits"),
    ],
    ids=str,
)
def test_only_options_that_the_model_has_left_are_named(overrides: dict[str, Any], named: str, left_out: str) -> None:
    model = with_posterior_scale(zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), **overrides), 0.0)
    note = collapse_note(context_of(model)) or ""
    assert named in note
    assert left_out not in note


def test_the_model_is_left_in_the_mode_that_it_was_in() -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4)).train()
    state = torch.get_rng_state()
    collapse_note(context_of(model))
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_collapsed_run_says_so_in_its_output_record_and_card(tmp_path: Path, capsys: Any) -> None:
    small = ["model.encoder.widths=[8]", "model.decoder.widths=[8]", "data.subset=50", "train.epochs=1"]
    quiet = [*small, "evaluate={metrics: [mse], figures: []}", "model.objective.beta=1000"]
    run = zoo.train("digits", out=tmp_path / "run", overrides=[*quiet, "model.likelihood={name: gaussian, scale: 10}"])
    notes = [note for note in run.evaluation["notes"] if "collapsed" in note]
    assert len(notes) == 1
    assert json.loads((run.path / "evaluation.json").read_text())["notes"] == run.evaluation["notes"]
    assert notes[0] in (run.path / "README.md").read_text()
