"""The commands that look at what was trained: evaluate, sample, plot and compare."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo

SMALL = [
    "model.encoder.widths=[16]", "model.decoder.widths=[16]", "data.subset=200", "train.precision=fp32",
    "train.epochs=2", "evaluate.metrics=[mse]", "evaluate.figures=[]",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("digits-ae", "digits-vae"):
        zoo.train(name, out=folder / name, overrides=SMALL)
    return folder


def evaluation(run: Path) -> dict:
    return json.loads((run / "evaluation.json").read_text())


def test_evaluate_adds_to_the_evaluation_of_the_run(cli, runs):
    before = evaluation(runs / "digits-vae")
    done = cli("evaluate", runs / "digits-vae", "--metric", "{name: elbo, num_samples: 3}", "--metric", "active_units")
    assert done.status == 0
    assert "ELBO" in done.out
    assert "±" in done.out
    after = evaluation(runs / "digits-vae")
    assert after["metrics"]["mse"] == before["metrics"]["mse"]
    assert after["best_epoch"] == before["best_epoch"]
    assert {"name": "elbo", "num_samples": 3} in after["settings"]
    assert zoo.train("digits-vae", out=runs / "digits-vae", overrides=SMALL, resume=True).evaluation == after


def test_evaluate_renews_the_card_of_the_run_unless_a_person_edited_it(cli, tmp_path):
    run = tmp_path / "run"
    zoo.train("digits-vae", out=run, overrides=[*SMALL[:-1], "evaluate.figures=[samples]"])
    card = run / "README.md"
    before = card.read_text()
    assert "active_units" not in before
    done = cli("evaluate", run, "--metric", "active_units")
    assert "evaluation.json and the model card" in done.out
    after = card.read_text()
    assert "active_units" in after
    pictures = [line for line in before.splitlines() if line.startswith("![")]
    assert [line for line in after.splitlines() if line.startswith("![")] == pictures
    card.write_text(after + "Trained on a Sunday.\n")
    done = cli("evaluate", run, "--metric", "elbo")
    assert card.read_text() == after + "Trained on a Sunday.\n"
    assert "README.md was edited, so it is not changed" in done.out
    card.unlink()
    assert "README" not in cli("evaluate", run, "--metric", "elbo").out
    assert not card.exists()


def test_evaluate_leaves_the_run_alone_where_the_data_are_others(cli, runs, tmp_path):
    before = evaluation(runs / "digits-ae")
    others = ["--set", "binarise=threshold"], ["--set", "data.binarise=threshold"]
    for options in (["--split", "train"], *others, ["--seed", "5"]):
        done = cli("evaluate", runs / "digits-ae", "--metric", "mse", *options)
        assert done.status == 0
        assert "Wrote" not in done.out
        assert "The metrics are not saved" in done.out
    assert evaluation(runs / "digits-ae") == before
    done = cli("evaluate", runs / "digits-ae", "--metric", "mse", "--split", "train", "--out", tmp_path / "train.json")
    assert done.status == 0
    written = json.loads((tmp_path / "train.json").read_text())
    assert (written["split"], written["examples"], written["data"]["name"]) == ("train", 200, "digits")


def test_evaluate_takes_data_with_their_options_prepared_as_in_training(cli, tmp_path):
    run = tmp_path / "run"
    zoo.train("digits-ae", out=run, overrides=[*SMALL, "data.binarise=threshold", "model.likelihood=gaussian"])
    pixels = (zoo.load_data("digits").test.examples(40) * 255).round().to(torch.uint8).numpy()
    np.savez(tmp_path / "mine.npz", x=pixels)
    document = "{name: arrays, path: " + json.dumps(str(tmp_path / "mine.npz")) + "}"
    for options, fields in (
        ([document], {"name": "arrays", "binarise": "threshold"}),
        ([tmp_path / "mine.npz"], {"name": "arrays", "binarise": "threshold"}),
        ([document, "--set", "binarise=none"], {"name": "arrays", "binarise": "none"}),
        (["{name: digits, subset: 100}"], {"name": "digits", "subset": 100, "binarise": "threshold"}),
        (["{subset: 100}"], {"name": "digits", "subset": 100, "binarise": "threshold"}),
    ):
        done = cli(
            "evaluate", run, "--metric", "mse", "--out", tmp_path / "figures.json", "--overwrite", "--data", *options
        )
        assert done.status == 0, done.err
        written = json.loads((tmp_path / "figures.json").read_text())["data"]
        assert {field: written[field] for field in fields} == fields


@pytest.mark.parametrize("name", ["*.npz", "a: b.npz", "a.npz"])
def test_a_path_of_no_file_is_refused_by_name(cli, runs, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("evaluate", runs / "digits-ae", "--data", name)
    assert done.status == 2
    assert done.err.startswith("Error: data.path: ")
    assert name in done.err


def test_evaluate_prints_json_alone(cli, runs):
    printed = json.loads(cli("evaluate", runs / "digits-ae", "--metric", "mse", "--json").out)
    assert printed["metrics"] == evaluation(runs / "digits-ae")["metrics"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "elbo"], "--metric: metric 'elbo' does not apply: its posterior 'point' has no density"),
        (["--metric", "elbow"], "Did you mean 'elbo'"),
        (["--set", "resize=[9, 9]"], "expected examples of shape (1, 8, 8), as in the model, got (1, 9, 9)"),
        (["--set", "test=0.0", "--split", "test"], "there is no test split"),
        (["--set", "test=0.01", "--metric", "sample_quality"], "more than 32 examples, there are 18"),
    ],
)  # fmt: skip
def test_evaluate_refuses_in_one_message(cli, runs, options, message):
    done = cli("evaluate", runs / "digits-ae", *options)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_sample_draws_from_the_fitted_prior_unless_another_is_asked_for(cli, runs, tmp_path):
    torch.manual_seed(0)
    model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), fitted_prior={"name": "mixture", "components": 1})
    model.fitted_prior.fit(5 + 0.1 * torch.randn(50, 2))
    zoo.save(model, tmp_path / "model")
    drawn = {}
    for options in ((), ("--fitted",), ("--no-fitted",)):
        out = tmp_path / f"{len(drawn)}.npy"
        assert cli("sample", tmp_path / "model", *options, "--count", 5, "--out", out).status == 0
        drawn[options] = np.load(out)
    assert drawn[()].shape == (5, 1, 8, 8)
    assert np.array_equal(drawn[()], drawn["--fitted",])
    assert not np.allclose(drawn[()], drawn["--no-fitted",])
    done = cli("sample", runs / "digits-ae", "--fitted", "--out", tmp_path / "x.png")
    assert (done.status, "no fitted prior" in done.err) == (2, True)


@pytest.mark.slow
def test_plot_draws_what_it_is_told_in_each_format(cli, runs, tmp_path):
    for image_format in ("png", "svg", "pdf"):
        done = cli("plot", runs / "digits-vae", "traversals", "--format", image_format, "--out", tmp_path)
        assert done.out.split() == [str(tmp_path / f"traversals.{image_format}")]
    assert "has no density" in cli("plot", runs / "digits-ae", "kl_variation").err


def test_compare_writes_table_records_and_picture(cli, runs, tmp_path):
    out = tmp_path / "comparison"
    done = cli("compare", runs / "digits-ae", runs / "digits-vae", "--metric", "mse", "--out", out)
    assert done.status == 0
    assert done.out.splitlines()[1].split() == ["digits-ae", "digits-vae"]
    assert sorted(path.name for path in out.iterdir()) == ["comparison.json", "comparison.md", "comparison.png"]
    records = json.loads((out / "comparison.json").read_text())
    assert records["digits-ae"]["metrics"]["mse"] == evaluation(runs / "digits-ae")["metrics"]["mse"]


def test_compare_refuses_one_model_and_models_of_other_data(cli, runs, tmp_path):
    assert "expected at least two models, got 1" in cli("compare", runs / "digits-ae").err
    zoo.train("digits-vae", out=tmp_path / "binary", overrides=[*SMALL, "data.binarise=threshold"])
    done = cli("compare", runs / "digits-ae", tmp_path / "binary", "--out", tmp_path / "comparison")
    assert done.status == 2
    assert "trained on different data, or on data prepared differently\nName the data" in done.err
    assert not (tmp_path / "comparison").exists()


def test_compare_averages_models_that_agree_in_a_field(cli, runs, tmp_path):
    zoo.train("digits-vae", out=tmp_path / "again", overrides=[*SMALL, "seed=1"])
    models = runs / "digits-ae", runs / "digits-vae", tmp_path / "again"
    options = "--metric", "mse", "--out", tmp_path / "table.csv", "--overwrite"
    done = cli("compare", *models, *options, "--group", "model.objective.name", "--sort", "mse")
    assert done.status == 0, done.err
    assert sorted(done.out.splitlines()[1].split()) == ["name=autoencoder", "name=vae"]
    assert "standard deviation between the models of a group: 1 to 2 models" in done.out
    assert done.out.count("the posterior has probably collapsed") == 1
    assert "Note: digits-vae; again: the posterior has probably collapsed" in done.out
    lines = {line.split(",")[0]: line.split(",") for line in (tmp_path / "table.csv").read_text().splitlines()}
    values = [evaluation(run)["metrics"]["mse"] for run in models[1:]]
    assert [float(cell) for cell in lines["name=vae"][1:]] == pytest.approx([np.mean(values), np.std(values, ddof=1)])
    done = cli("compare", *models, "--metric", "mse", "--out", tmp_path / "x", "--group", "model.objective.betta")
    assert (done.status, "has no field 'model.objective.betta'" in done.err) == (2, True)
    assert not (tmp_path / "x").exists()
