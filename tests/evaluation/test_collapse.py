"""A model that ignores its latents is reported with what helps; one that uses them is not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.data import split_of_tensor
from zoo.evaluation.collapse import collapse_note
from zoo.evaluation.context import EvaluationContext
from zoo.model import LatentSamples, Model

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


@pytest.mark.parametrize("preset", ["hvae-mlp-12d", "ladder-vae-mlp-12d", "iaf-vae-mlp-16d"])
def test_hierarchies_and_flows_are_judged_by_their_divergence(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    context = context_of(zoo.build(preset, data_shape=(1, 4, 4)))
    for nats, said in ((0.02, "KL(q(z|x) ‖ p(z)) is 0.02 nats on average"), (2.0, None)):
        monkeypatch.setattr(LatentSamples, "kl", lambda self, nats=nats: torch.full((50,), nats))
        note = collapse_note(context)
        assert note is None if said is None else said in (note or "")


@pytest.mark.parametrize("preset", ["vqvae-conv-16d", "rqvae-conv-16d", "fsq-conv-3d"])
def test_a_codebook_of_which_one_code_occurs_has_collapsed(preset: str) -> None:
    torch.manual_seed(0)
    model = zoo.build(preset, data_shape=(1, 8, 8))
    x = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("encoder."):
                parameter.zero_()
    note = collapse_note(EvaluationContext(model, split_of_tensor(x)))
    assert note is not None
    assert "collapsed" in note
    assert "1 of " in note


def test_a_codebook_that_is_used_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 8})
    x = torch.rand(50, 1, 8, 8)
    shape = (1, 50, *model.posterior.grid)
    monkeypatch.setattr(
        type(model.posterior), "indices", lambda self, z: torch.arange(math.prod(shape)).view(shape) % 8
    )
    assert collapse_note(EvaluationContext(model, split_of_tensor(x))) is None
