"""Runs on data in memory: the recipe says what they were, and the run is resumed with the same data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import zoo
from tests.runs.kill_and_resume import differences
from zoo.callbacks import Callback
from zoo.errors import DataError, InputError, RunError, TrainingError
from zoo.runs.run import Run

X = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32) * [1, 2, 3, 4] + 7
Y = np.array(["low", "high"] * 40)
TINY: dict[str, Any] = {"encoder": {"widths": [8]}, "decoder": {"widths": [8]}, "latent_dim": 2}
FAST: dict[str, Any] = {**TINY, "evaluation": {"metrics": ["mse"], "figures": []}, "quiet": True, "epochs": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return zoo.fit(X, "vae-mlp-8d", Y, out=tmp_path_factory.mktemp("runs") / "fit", **FAST)


def test_shape_range_and_scaling_follow_from_the_data(run: Run) -> None:
    data = run.model.data
    assert run.model.data_shape == (4,)
    assert data.scaling.name == "standardise"
    assert data.class_names == ("high", "low")
    assert np.allclose(run.model.postprocess(run.model.preprocess(X)), X, atol=1e-4)
    assert run.model.preprocess(X).std(0).allclose(torch.ones(4), atol=0.2)


def test_the_recipe_says_what_the_data_were(run: Run) -> None:
    data = yaml.safe_load((run.path / "recipe.yaml").read_text())["data"]
    assert data["name"] == "memory"
    assert data["kind"] == "numpy array"
    assert data["shape"] == [80, 4]
    assert len(data["digest"]) == 32
    assert data["scale"] == "standardise"
    assert run.recipe.train.batch_size == 32
    card = (run.path / "README.md").read_text()
    assert "`memory` (data in memory: a numpy array of shape (80, 4))" in card


@pytest.mark.parametrize("form", ["array", "tensor", "Data"])
def test_the_same_numbers_in_another_form_give_the_same_run(run: Run, form: str, tmp_path: Path) -> None:
    forms = {
        "array": (X.copy(), Y),
        "tensor": (torch.tensor(X), Y.tolist()),
        "Data": (zoo.load_data(X, y=Y, scale="standardise"), None),
    }
    x, y = forms[form]
    again = zoo.fit(x, "vae-mlp-8d", y, out=tmp_path / "again", **FAST)
    assert again.evaluation["metrics"] == run.evaluation["metrics"]
    ours, theirs = (dict(r.model.state_dict()) for r in (again, run))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_frame_gets_a_likelihood_for_each_column(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=Y)
    frame.loc[5, "a"] = None
    run = zoo.fit(frame, "vae-mlp-2d", out=tmp_path / "run", **FAST)
    assert run.model.spec.likelihood.name == "columns"
    assert run.model.spec.mask_input
    assert run.recipe.data.options["kind"] == "pandas DataFrame"
    made = run.model.postprocess(run.model.sample(3))
    assert list(made.columns) == [*"abcd", "kind"]
    assert set(made["kind"]) <= {"low", "high"}
    assert zoo.evaluate(run.model, frame, ["mse"])["mse"] > 0
    resumed = zoo.fit(frame, "vae-mlp-2d", out=tmp_path / "run", resume=True, **FAST)
    assert resumed.evaluation == run.evaluation


def test_an_error_names_the_keywords_of_the_fields_that_it_is_about(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [f"p{number:05}" for number in range(60)], "value": np.arange(60.0)})
    with pytest.raises(InputError, match=r'In zoo\.fit: data=\{"columns": …\}\.$'):
        zoo.fit(frame, "vae-mlp-8d", out=tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match=r'In zoo\.fit: training=\{"monitor": …\}\.$'):
        zoo.fit(X, "vae-mlp-8d", out=tmp_path / "run", training={"monitor": "elbow"}, **FAST)
    with pytest.raises(InputError, match=r"In zoo\.fit: encoder=…\.$"):
        zoo.fit(X, "vae-mlp-8d", out=tmp_path / "run", encoder="mpl", quiet=True)


@pytest.mark.parametrize("options", [{"lr": 0.1}, {"learning_rate": 0.1}, {"training": {"lr": 0.1}}])
def test_a_rate_that_is_misplaced_names_the_argument(options: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'In zoo\.fit: training=\{"optimizer": \{"lr": …\}\}\.$'):
        zoo.fit(X, "vae-mlp-8d", out=tmp_path / "run", quiet=True, **options)


@pytest.mark.parametrize("name", ["vae-mlp-9d", "nowhere/model.yaml"])
def test_an_error_about_the_preset_names_the_argument_model(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lists them\. In zoo\.fit: model=…\.$"):
        zoo.fit(X, name, out=tmp_path / "run", quiet=True)


@pytest.mark.parametrize("folder", ["fit_run", "."])
def test_the_path_of_a_file_is_no_field(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    zoo.save(zoo.load("vae-mlp-2d.digits"), folder)
    (Path(folder) / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError) as refused:
        zoo.fit(X, "vae-mlp-8d", init=folder, out=tmp_path / "run", quiet=True)
    assert "model.safetensors: damaged" in str(refused.value)
    assert "In zoo.fit" not in str(refused.value)


def test_a_run_starts_from_another_model(run: Run, tmp_path: Path) -> None:
    frozen = {"init": str(run.path), "freeze": ["encoder.*"], "description": "Tuned."}
    tuned = zoo.fit(X + 1, "vae-mlp-8d", out=tmp_path / "tuned", **frozen, **FAST)
    assert tuned.recipe.description == "Tuned."
    before, after = run.model.encoder.state_dict(), tuned.model.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


class Stop(Callback):
    """Interrupts training in its second epoch."""

    def on_epoch(self, trainer: Any, record: Any) -> None:
        trainer.should_stop = lambda: "the test"


def test_a_run_is_resumed_with_the_same_data_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "fit"
    with pytest.raises(TrainingError, match="stopped by the test"):
        zoo.fit(X, "vae-mlp-8d", Y, out=out, callbacks={"stop": Stop()}, **FAST)
    for changed in (X + 1, X[:70], X[::-1]):
        with pytest.raises(RunError, match=r"examples to train, validate and test on, got|examples or labels differ"):
            zoo.fit(changed, "vae-mlp-8d", Y[: len(changed)], out=out, resume=True, **FAST)
    resumed = zoo.fit(X, "vae-mlp-8d", Y, out=out, resume=True, **FAST)
    assert differences(run.path, resumed.path) == []


def test_a_recipe_of_a_run_is_used_again_with_its_data(run: Run, tmp_path: Path) -> None:
    recipe = run.path / "recipe.yaml"
    with pytest.raises(DataError, match=r"recipe\.yaml.*passed in memory \(numpy array of shape \(80, 4\)\)"):
        zoo.train(recipe, out=tmp_path / "none", quiet=True)
    again = zoo.train(recipe, data=(X, Y), out=tmp_path / "again", quiet=True)
    assert differences(run.path, again.path) == []


def test_a_recipe_keeps_what_it_says_of_any_data(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(40, 6, 6)).astype(np.uint8)
    quick = ["train.epochs=1", "evaluate={metrics: [mse], figures: []}", "model.encoder.widths=[8]"]
    recipe = {"name": "own", "model": "vae-mlp-2d", "data": {"name": "mnist", "root": "/nowhere", "resize": [8, 8]}}
    run = zoo.train(recipe, data=images, out=tmp_path / "run", overrides=[*quick, "data.test=0.5"], quiet=True)
    assert run.model.data_shape == (1, 8, 8)
    assert run.evaluation["examples"] == 20
    assert "root" not in run.recipe.data.options
    without = zoo.train({"name": "own", "model": "vae-mlp-2d"}, data=images, overrides=quick, out=tmp_path / "b")
    assert without.model.data_shape == (1, 6, 6)


def test_evaluation_takes_what_training_took(run: Run) -> None:
    whole = zoo.evaluate(run.model, (X, Y), ["mse"])
    assert whole == zoo.evaluate(run.model, torch.tensor(X), ["mse"])
    assert whole == zoo.evaluate(run.model, torch.utils.data.TensorDataset(torch.tensor(X)), ["mse"])
    held_out = zoo.evaluate(run.model, zoo.load_data(X, y=Y, like=run.model.data), ["mse"])
    assert held_out["mse"] == run.evaluation["metrics"]["mse"] != whole["mse"]
    both = zoo.evaluate(run.model, {"train": X[:60], "test": X[60:]}, ["mse"])
    assert both == zoo.evaluate(run.model, X[60:], ["mse"])
    with pytest.raises(DataError, match="there is no validation split"):
        zoo.evaluate(run.model, {"train": X}, ["mse"], split="validation")


def test_a_prior_is_fitted_to_the_latents_of_an_array(run: Run) -> None:
    one = zoo.fit_prior(run.model, X, "mixture", quiet=True)
    other = zoo.fit_prior(run.model, torch.tensor(X), "mixture", quiet=True)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_runs_without_a_place_get_the_next_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fast = {**FAST, "epochs": 1, "evaluation": {"metrics": [], "figures": []}}
    paths = [zoo.fit(X, **fast).path for _ in range(2)]
    assert paths == [Path("runs/vae-mlp-8d"), Path("runs/vae-mlp-8d-2")]
    with pytest.raises(RunError, match="expected the directory of the run to resume"):
        zoo.fit(X, resume=True)


@pytest.mark.parametrize(
    ("x", "preset", "message"),
    [
        (X, "vae-conv-16d", r"expected images of shape .*, got \(4,\)\nUse `mlp`"),
        (X, "vae-mlp-2d", r"expects data in \[0, 1\], got data without a stated range\n.*`gaussian` likelihood"),
        (X, "cvae-mlp-2d", r"expects data in \[0, 1\]"),
        (X[:2], "vae-mlp-8d", "expected more examples, got 2"),
        (np.zeros((30, 3, 3), np.uint8), "vae-conv-16d", "expected images of at least 8×8 pixels, got 3×3"),
        ("digits", "vae-mlp-8d", "^.*x: expected data, got str"),
    ],
)
def test_data_that_do_not_suit_a_preset_are_refused_with_a_remedy(
    x: Any, preset: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        zoo.fit(x, preset, out=tmp_path / "run", quiet=True, epochs=1)
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_progress_is_shown_unless_it_is_switched_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fast = {**FAST, "epochs": 1, "evaluation": {"metrics": [], "figures": []}, "overwrite": True, "out": tmp_path / "a"}
    zoo.fit(X, **fast)
    assert capsys.readouterr() == ("", "")
    zoo.fit(X, **{**fast, "quiet": False})
    shown = capsys.readouterr()
    assert "epoch 1/1" in shown.err
    assert "each feature is standardised to mean 0 and standard deviation 1" in " ".join(shown.err.split())
    assert shown.out == ""
