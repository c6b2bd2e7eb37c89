"""Priors fitted after training: as a stage of a run, as a step of its own, and on the command line."""

from __future__ import annotations

import json
import re
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

import zoo
from tests.runs.kill_and_resume import differences
from zoo.errors import ComponentError, DataError, RecipeError, TrainingError, ZooWarning
from zoo.runs.run import Run
from zoo.training.progress import Silent

SMALL: dict[str, Any] = {
    "name": "fitted",
    "model": {"preset": "ae-mlp-2d", "encoder": {"widths": [16]}, "decoder": {"widths": [16]}},
    "data": {"name": "digits", "subset": 200},
    "train": {"epochs": 2, "precision": "fp32", "device": "cpu"},
    "evaluate": {"metrics": ["mse"], "figures": []},
}
MIXTURE = ["model.fitted_prior={name: mixture, components: 3}"]
TRAINED = ["model.fitted_prior={name: gaussian, learned: true}", "fit={epochs: 3, optimizer: {name: adam, lr: 0.03}}"]


def job(out: Path, *overrides: str, **options: Any) -> Run:
    return zoo.train(SMALL, out=out, overrides=overrides, **options)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return job(tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return job(tmp_path_factory.mktemp("trained") / "run", *TRAINED)


@pytest.mark.parametrize("overrides", [MIXTURE, TRAINED])
def test_a_run_fits_the_prior_after_training_which_it_leaves_as_it_is(
    plain: Run, overrides: list[str], tmp_path: Path
) -> None:
    run = job(tmp_path / "run", *overrides)
    assert run.metrics == plain.metrics
    weights, expected = load_file(run.path / "model.safetensors"), load_file(plain.path / "model.safetensors")
    assert {name: tensor for name, tensor in weights.items() if not name.startswith("fitted_prior.")}.keys() == (
        expected.keys()
    )
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())
    loaded = zoo.load(run.path)
    assert loaded.spec == run.model.spec == run.recipe.model
    torch.manual_seed(0)
    samples = run.model.sample(5)
    torch.manual_seed(0)
    assert torch.equal(loaded.sample(5), samples)
    assert loaded.sample(2, fitted=False).shape == (2, 1, 8, 8)


def test_checkpoints_of_the_first_stage_have_no_prior_that_is_not_fitted(trained: Run) -> None:
    config = json.loads((trained.path / "last" / "config.json").read_text())
    assert config["spec"]["fitted_prior"] is None
    assert zoo.load(trained.path / "last").spec.fitted_prior is None
    assert not [n for n in load_file(trained.path / "state/training.safetensors") if "fitted_prior" in n]


def test_a_fit_leaves_its_epochs_and_its_state(trained: Run) -> None:
    records = [json.loads(line) for line in (trained.path / "fit.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert records[-1]["validation"]["loss"] < records[0]["validation"]["loss"]
    assert (trained.path / "state" / "fit.safetensors").is_file()
    recipe = yaml.safe_load((trained.path / "recipe.yaml").read_text())
    assert recipe["fit"]["optimizer"]["betas"] == [0.9, 0.999]
    assert recipe["model"]["fitted_prior"]["learned"] is True


class Stopping(Silent):
    """Interrupts the process after so many steps of the fit."""

    def __init__(self, stage: str, epoch: int) -> None:
        self.stage, self.left, self.now = stage, epoch, "training"

    def note(self, text: str) -> None:
        self.now = "fit" if text.startswith("Fitting") else self.now

    def epoch(self, record: dict[str, Any]) -> None:
        if self.now == self.stage and record["epoch"] == self.left:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("stage", "epoch"), [("training", 1), ("fit", 1), ("fit", 2)])
def test_a_run_that_is_interrupted_in_either_stage_ends_with_the_same_bytes(
    trained: Run, stage: str, epoch: int, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="stopped by SIGINT"):
        job(tmp_path / "run", *TRAINED, reporter=Stopping(stage, epoch))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["spec"]["fitted_prior"] is None
    again = job(tmp_path / "run", *TRAINED, resume=True)
    assert differences(trained.path, again.path) == []


def test_resuming_a_finished_run_changes_nothing(trained: Run, tmp_path: Path) -> None:
    again = job(trained.path, *TRAINED, resume=True)
    assert again.evaluation == trained.evaluation
    assert torch.equal(again.model.fitted_prior.mean, trained.model.fitted_prior.mean)


def test_more_epochs_of_training_fit_the_prior_anew(tmp_path: Path) -> None:
    whole = job(tmp_path / "whole", *TRAINED, "train.epochs=3")
    job(tmp_path / "parts", *TRAINED, "train.epochs=1")
    parts = job(tmp_path / "parts", *TRAINED, "train.epochs=3", resume=True)
    assert differences(whole.path, parts.path) == []


def test_a_fit_for_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"fit: `fit` has no effect: the model has no prior that is fitted after training\nAdd"
    ):
        job(tmp_path / "run", "fit={epochs: 3}")
    assert not (tmp_path / "run").exists()


def test_a_fitted_prior_that_does_not_suit_the_model_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"model\.fitted_prior"):
        job(tmp_path / "run", "model.fitted_prior={name: mixture, component: 3}")
    assert not (tmp_path / "run").exists()


def test_fit_prior_is_the_stage_of_a_run(plain: Run, tmp_path: Path) -> None:
    data = zoo.load_data(plain.recipe.data)
    before = {name: tensor.clone() for name, tensor in plain.model.state_dict().items()}
    fitted = zoo.fit_prior(plain.model, data, {"name": "mixture", "components": 3})
    expected = job(tmp_path / "run", *MIXTURE).model
    for name, tensor in expected.state_dict().items():
        assert torch.equal(fitted.state_dict()[name], tensor), name
    assert not plain.model.has("fitted_prior")
    assert all(torch.equal(tensor, before[name]) for name, tensor in plain.model.state_dict().items())


def test_fit_prior_trains_what_has_no_closed_form_and_replaces_a_fitted_prior(plain: Run) -> None:
    x = zoo.load_data(plain.recipe.data).train.examples(64)
    first = zoo.fit_prior(plain.model, x, "mixture")
    second = zoo.fit_prior(first, x, {"name": "gaussian", "learned": True}, {"epochs": 2, "device": "cpu"}, seed=1)
    assert second.spec.fitted_prior is not None
    assert second.spec.fitted_prior.name == "gaussian"
    assert all(parameter.requires_grad for parameter in second.parameters())
    assert not second.training


@pytest.mark.parametrize(
    ("prior", "spec", "error", "message"),
    [
        ("mixtur", {}, ComponentError, "unknown prior 'mixtur'"),
        ("mixture", {"epoch": 3}, RecipeError, r"spec\.epoch: unknown field"),
        ("class_gaussian", {}, ComponentError, "class"),
    ],
)
def test_what_cannot_be_fitted_is_refused(plain: Run, prior: str, spec: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        zoo.fit_prior(plain.model, torch.rand(20, 1, 8, 8), prior, spec)


def test_data_of_another_shape_are_refused(plain: Run) -> None:
    with pytest.raises(DataError, match="shape"):
        zoo.fit_prior(plain.model, torch.rand(20, 1, 9, 9), "mixture")


def test_a_model_without_latents_is_refused() -> None:
    denoiser = zoo.build("denoiser-mlp", data_shape=(2,))
    with pytest.raises(ComponentError, match="expected a model with latents"):
        zoo.fit_prior(denoiser, torch.rand(20, 2), "mixture")


def test_a_prior_with_nothing_to_fit_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"model\.fitted_prior: the prior 'standard_gaussian' has nothing to fit"):
        job(tmp_path / "run", "model.fitted_prior=standard_gaussian")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_prior_that_is_worse_than_that_of_training_is_reported_with_both_numbers():
    torch.manual_seed(0)
    data = zoo.load_data("digits", subset=200)
    model = zoo.load("vae-mlp-2d.digits")
    with pytest.warns(
        ZooWarning, match=r"log p\(z\) is -[0-9.]+ nats under the fitted prior and -[0-9.]+ nats under"
    ) as found:
        fitted = zoo.fit_prior(model, data, {"name": "gaussian", "learned": True},
                               {"epochs": 1, "optimizer": {"lr": 5.0}}, quiet=True)  # fmt: skip
    numbers = [float(text) for text in re.findall(r"-[0-9]+\.[0-9]+", str(found[0].message))]
    z = model.encode(data.validation.examples(len(data.validation))).sample()
    assert numbers[1] == pytest.approx(float(fitted.prior.log_prob(z).mean()), abs=0.3)
    assert numbers[0] < numbers[1]


def test_a_prior_that_is_better_is_not():
    data = zoo.load_data("digits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learned = {"name": "gaussian", "learned": True}
        zoo.fit_prior(
            zoo.load("vae-mlp-2d.digits"), data, learned, {"epochs": 3, "optimizer": {"lr": 0.01}}, quiet=True
        )
