"""``zoo-cli fit-prior``: a prior fitted to the latents of a model, and saved with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import zoo

SMALL = [
    "model.encoder.widths=[16]", "model.decoder.widths=[16]", "data.subset=200", "train.precision=fp32",
    "train.epochs=1", "evaluate.metrics=[mse]", "evaluate.figures=[]",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return zoo.train("digits-ae", out=tmp_path_factory.mktemp("runs") / "digits-ae", overrides=SMALL).path


def test_the_prior_is_saved_with_the_model_in_another_directory(cli, run, tmp_path):
    done = cli("fit-prior", run, "{name: mixture, components: 2}", "--out", tmp_path / "fitted", "--quiet")
    assert (done.status, done.err) == (0, "")
    assert "Fitted the prior 'mixture'" in done.out
    assert zoo.load(tmp_path / "fitted").spec.fitted_prior.options["components"] == 2
    assert zoo.load(run).spec.fitted_prior is None
    plotted = cli("plot", tmp_path / "fitted", "samples_by_prior")
    assert plotted.status == 0, "it finds the data of the run"


def test_the_recipe_beside_a_fitted_prior_is_kept_until_it_may_be_replaced(cli, run, tmp_path) -> None:
    (tmp_path / "recipe.yaml").write_text("mine")
    words = ["fit-prior", run, "{name: mixture, components: 2}", "--out", tmp_path, "--quiet"]
    refused = cli(*words)
    assert (refused.status, [path.name for path in tmp_path.iterdir()]) == (2, ["recipe.yaml"])
    assert f"{tmp_path / 'recipe.yaml'}: the file already exists" in refused.err
    assert (tmp_path / "recipe.yaml").read_text() == "mine"
    assert cli(*words, "--overwrite").status == 0
    assert "fitted_prior" in (tmp_path / "recipe.yaml").read_text()


@pytest.mark.parametrize("trace", ["metrics.jsonl", "state/lock"])
def test_a_directory_with_the_training_of_a_run_is_refused_in_any_case(cli, run, tmp_path, trace: str) -> None:
    (tmp_path / trace).parent.mkdir(exist_ok=True)
    (tmp_path / trace).write_text("")
    refused = cli("fit-prior", run, "{name: mixture, components: 2}", "--out", tmp_path, "--quiet", "--overwrite")
    assert refused.status == 2
    assert f"--out: expected a directory without a run, got {tmp_path}" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == [trace.partition("/")[0]], "nothing was written"


def test_a_prior_without_a_closed_form_is_trained_as_asked(cli, run, tmp_path):
    words = [
        "--set",
        "epochs=3",
        "--set",
        "optimizer.lr=0.05",
        "--set",
        "device=cpu",
        "--out",
        tmp_path / "fitted",
        "--json",
    ]
    done = cli("fit-prior", run, "{name: gaussian, learned: true}", *words)
    assert done.status == 0, done.err
    assert json.loads(done.out) == {"model": str(tmp_path / "fitted"), "fitted_prior": "gaussian"}
    assert "epoch 3/3" in done.err
    assert zoo.load(tmp_path / "fitted").has("fitted_prior")


def test_a_model_of_one_s_own_gets_its_prior_in_place(cli, run, tmp_path):
    folder = zoo.save(zoo.load(run), tmp_path / "copy")
    (folder / "recipe.yaml").write_text((run / "recipe.yaml").read_text())
    assert cli("fit-prior", folder, "mixture", "--quiet").err == ""
    assert zoo.load(folder).has("fitted_prior")


def test_a_finished_run_is_measured_and_described_with_its_prior(cli, run, tmp_path):
    again = shutil.copytree(run, tmp_path / "run")
    before = json.loads((again / "evaluation.json").read_text())
    done = cli("fit-prior", again, "mixture", "--quiet")
    assert done.status == 0, done.err
    assert "are now those of the model with this prior" in done.out
    after = json.loads((again / "evaluation.json").read_text())
    assert after["metrics"] == before["metrics"]  # the mean squared error does not depend on the prior
    assert after["best_epoch"] == before["best_epoch"]
    card = (again / "README.md").read_text()
    assert "fitted_prior `mixture`" in card
    assert zoo.load(again).has("fitted_prior")


def test_the_prior_is_judged_once(cli, run, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("zoo.runs.fit_prior.poor_fit_note", lambda *_: calls.append(1) or "the fitted prior is worse")
    again = shutil.copytree(run, tmp_path / "run")
    done = cli("fit-prior", again, "mixture", "--quiet")
    assert len(calls) == 1, done.err
    assert "are now those of the model with this prior" in done.out, done.err
    assert done.err.count("the fitted prior is worse") == 1
    assert "the fitted prior is worse" in json.loads((again / "evaluation.json").read_text())["notes"]


def test_a_card_that_was_edited_is_kept_with_a_word(cli, run, tmp_path):
    again = shutil.copytree(run, tmp_path / "run")
    (again / "README.md").write_text("Mine.")
    assert "README.md was edited" in cli("fit-prior", again, "mixture", "--quiet").err
    assert (again / "README.md").read_text() == "Mine."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mixture", "--data", "{subset: 100}"], "fitted to other data than the model\nName a directory: --out"),
        (["mixtur", "--out", "x"], "unknown prior 'mixtur'\nDid you mean 'mixture'"),
        (["{name: mixture, componets: 3}", "--out", "x"], "Did you mean 'components'"),
        (
            ["mixture", "--out", "x", "--set", "epoch=3"],
            "Error: --set epoch=3: epoch: unknown field\nDid you",
        ),
        (["mixture", "--out", "x", "--set", "optimizer.lr=-1"], "Error: --set optimizer.lr=-1: optimizer.lr: "),
    ],
)
def test_what_cannot_be_done_is_one_message(cli, run, words, message):
    done = cli("fit-prior", run, *words)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_model_that_came_with_the_package_is_not_written_into(cli):
    done = cli("fit-prior", "vae-mlp-2d.digits", "mixture")
    assert done.status == 2
    assert "cannot write into vae-mlp-2d.digits: it is not a directory" in done.err
