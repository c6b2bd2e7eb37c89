"""Fine-tuning: a run that begins with a trained model, and leaves parts of it as they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import CheckpointError, DataError, RecipeError, RunError
from zoo.runs.run import Run

X = (np.random.default_rng(0).normal(size=(60, 3)) * [1, 10, 100] + [0, 50, -300]).astype(np.float32)
SHIFTED = X * 3 + 1000
MODEL = {
    "preset": "vae-mlp-2d",
    "likelihood": "gaussian",
    "encoder": {"name": "mlp", "widths": [8], "normalisation": "batch"},
    "decoder": {"name": "mlp", "widths": [8]},
}
QUICK = {"epochs": 2, "batch_size": 16, "precision": "fp32"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tables, and a run on the first one."""
    folder = tmp_path_factory.mktemp("made")
    np.savez(folder / "first.npz", x=X, y=np.arange(60) % 3)
    np.savez(folder / "second.npz", x=SHIFTED, y=1 + np.arange(60) % 2)
    np.savez(folder / "wide.npz", x=np.c_[X, X])
    train({"model": MODEL}, folder / "first.npz", folder / "run")
    return folder


def train(recipe: dict[str, Any], data: Path, out: Path, **options: Any) -> Run:
    whole = {
        "name": "r",
        "data": {"name": "arrays", "path": str(data), "scale": "standardise"},
        "train": QUICK,
        "evaluate": {"metrics": ["mse"], "figures": []},
        **recipe,
    }
    return zoo.train(whole, out=out, **options)


def test_the_weights_and_the_scaling_are_those_of_the_initial_model(made, tmp_path):
    first = zoo.load(made / "run")
    overrides = ["train.optimizer={name: sgd, lr: 0}"]
    run = train({"init": str(made / "run")}, made / "second.npz", tmp_path / "run", overrides=overrides)
    again = zoo.load(tmp_path / "run")
    parameters = dict(again.named_parameters())
    assert all(torch.equal(tensor, parameters[name]) for name, tensor in first.named_parameters())
    assert again.data.scaling == first.data.scaling
    assert again.data.splits != first.data.splits
    row = SHIFTED[:1]
    assert torch.equal(again.preprocess(row), first.preprocess(row))
    assert run.recipe.model.latent_dim == 2
    assert zoo.evaluate(again, zoo.load_data(run.recipe.data, like=again.data), ["mse"])["mse"] == pytest.approx(
        run.evaluation["metrics"]["mse"]
    )


def test_the_scaling_is_learned_anew_by_choice(made, tmp_path):
    init = {"model": str(made / "run"), "data": "learn"}
    run = train({"init": init}, made / "second.npz", tmp_path / "run")
    assert abs(run.model.preprocess(SHIFTED).mean()) < 0.3


def test_what_is_frozen_does_not_move_nor_do_its_statistics(made, tmp_path):
    first = zoo.load(made / "run").state_dict()
    run = train({"init": str(made / "run"), "freeze": ["encoder.*"]}, made / "second.npz", tmp_path / "run")
    last = zoo.load(tmp_path / "run" / "last").state_dict()
    moved = {name.partition(".")[0] for name in first if not torch.equal(first[name], last[name])}
    assert moved == {"posterior", "decoder", "likelihood"} & {name.partition(".")[0] for name in first}
    assert any("running_mean" in name for name in first if name.startswith("encoder."))
    card = (run.path / "README.md").read_text()
    assert "Fine-tuned from `run` (weights SHA-256" in card
    assert "`encoder.*` left unchanged" in card
    assert str(made) not in card


def test_a_run_that_is_resumed_ends_with_the_same_bytes(made, tmp_path):
    recipe = {"init": str(made / "run"), "freeze": ["decoder.*"]}
    whole = train(recipe, made / "second.npz", tmp_path / "whole")
    train(recipe, made / "second.npz", tmp_path / "parts", overrides=["train.epochs=1"])
    train(recipe, made / "second.npz", tmp_path / "parts", resume=True)
    for name in ("model.safetensors", "config.json", "last/model.safetensors"):
        assert (tmp_path / "parts" / name).read_bytes() == (whole.path / name).read_bytes()
    again = zoo.train(whole.path / "recipe.yaml", out=tmp_path / "again")
    assert (again.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_parts_of_another_shape_are_refused_by_name_or_begin_afresh(made, tmp_path):
    wider = {"init": str(made / "run"), "model": {"decoder": {"widths": [5]}}}
    with pytest.raises(
        RecipeError, match=r"expected decoder.blocks.0.layer.weight of shape \[5, 2\], got shape \[8, 2\]"
    ):
        train(wider, made / "first.npz", tmp_path / "run")
    run = train({**wider, "reinitialise": ["decoder.*"]}, made / "first.npz", tmp_path / "run")
    assert run.recipe.model.decoder.options["widths"] == [5]
    assert run.recipe.model.encoder.options["widths"] == [8]


@pytest.mark.parametrize(
    ("recipe", "error", "message"),
    [
        ({"model": MODEL, "reinitialise": ["decoder.*"]}, RecipeError, "has no effect without `init`"),
        ({"init": "RUN", "reinitialise": ["decodr.*"]}, RecipeError, "matches no parameter of the model"),
        ({"init": "RUN", "freeze": ["encodr.*"]}, RecipeError, "matches no parameter of the model"),
        ({"init": "RUN", "freeze": ["*"]}, RecipeError, "no parameter is left to train"),
        ({"init": "RUNS"}, CheckpointError, "there is no such directory"),
        ({"init": {"model": "RUN", "weights": "0" * 64}}, CheckpointError, "expected the weights that the recipe"),
    ],
)
def test_what_cannot_begin_is_refused_in_words(made, tmp_path, recipe, error, message):
    text = {k: _placed(v, made) for k, v in recipe.items()}
    with pytest.raises(error, match=message):
        train(text, made / "first.npz", tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def _placed(value: Any, made: Path) -> Any:
    if isinstance(value, dict) and "model" in value and "preset" not in value:
        return {**value, "model": _placed(value["model"], made)}
    return str(made / value.lower()) if value in ("RUN", "RUNS") else value


def test_data_of_another_shape_are_refused(made, tmp_path):
    with pytest.raises(DataError, match=r"expected examples of shape \(3,\), as in the model, got \(6,\)"):
        train({"init": str(made / "run")}, made / "wide.npz", tmp_path / "run")


def test_a_pretrained_model_is_a_beginning(tmp_path):
    recipe = {"name": "r", "init": "vae-mlp-2d.digits", "data": {"name": "digits", "subset": 100},
              "train": {"epochs": 1}, "evaluate": {"metrics": ["mse"], "figures": []}}  # fmt: skip
    run = zoo.train(recipe, out=tmp_path / "run")
    assert run.evaluation["metrics"]["mse"] < 0.05
    assert run.recipe.init.weights is not None


def test_a_run_goes_on_with_another_rate_by_choice_alone(made, tmp_path, capsys):
    shutil.copytree(made / "run", tmp_path / "run")
    rate, longer = "train.optimizer.lr=1e-4", "train.epochs=3"
    with pytest.raises(RunError, match=r"--change train.optimizer.lr=…"):
        train({"model": MODEL}, made / "first.npz", tmp_path / "run", resume=True, overrides=[rate, longer])
    run = train({"model": MODEL}, made / "first.npz", tmp_path / "run", resume=True, changes=[rate], overrides=[longer])
    assert len(run.metrics) == 3
    said = "Changed from now on: `train.optimizer.lr` is 0.0001, was 0.001."
    assert said in capsys.readouterr().err
    note = "Resumed after epoch 2 with `train.optimizer.lr` 0.0001 in place of 0.001."
    assert note in run.evaluation["notes"]
    assert note in (run.path / "README.md").read_text()
    assert zoo.load_recipe(run.path / "recipe.yaml").train.optimizer.options["lr"] == 1e-4
    again = zoo.train(run.path / "recipe.yaml", resume=True, overrides=["train.epochs=4"])
    assert len(again.metrics) == 4
    with pytest.raises(RunError) as old:
        train({"model": MODEL}, made / "first.npz", tmp_path / "run", resume=True, overrides=["train.epochs=4"])
    assert "train.optimizer.lr was 0.0001, is 0.001" in str(old.value)
    remedy = str(old.value.remedy)
    assert remedy.startswith("train.optimizer.lr was changed when the run was resumed")
    assert f"{tmp_path / 'run' / 'recipe.yaml'}, which contains the new value" in remedy
    assert "--set train.optimizer.lr=0.0001." in remedy


def test_the_first_few_of_the_fields_that_differ_are_named(made, tmp_path):
    shutil.copytree(made / "run", tmp_path / "run")
    others = ["seed=3", "train.optimizer.lr=0.5", "train.clip_norm=2", "train.batch_size=7"]
    with pytest.raises(RunError) as error:
        train({"model": MODEL}, made / "first.npz", tmp_path / "run", resume=True, overrides=others)
    assert "seed was 0, is 3; train.batch_size was 16, is 7; train.clip_norm was null, is 2.0; and 1 more" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("changes", "resume", "message"),
    [
        (["train.optimizer.lr=1e-4"], False, "only when a run is resumed"),
        (["model.latent_dim=3"], True, "cannot continue with another value"),
        (["train.optimizer.name=sgd"], True, "cannot continue with another value"),
    ],
)
def test_what_cannot_be_changed_is_refused(made, tmp_path, changes, resume, message):
    shutil.copytree(made / "run", tmp_path / "run")
    with pytest.raises(RunError, match=message):
        train({"model": MODEL}, made / "first.npz", tmp_path / "run", resume=resume, changes=changes)
