"""A wrong recipe gives one clear message that leads to the field, exit status 2, and no traceback; nothing is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests import processes

GOOD = "model: vae-mlp-2d\ndata: digits\n"


@dataclass(frozen=True)
class Wrong:
    """A recipe that cannot work, and what its refusal says.

    Attributes:
        place: the line of the file, or the override, that the message leads to; None: the file as a whole.
        field: the path of the field; empty where there is none.
        says: words of the message.
    """

    text: str
    overrides: tuple[str, ...]
    place: str | None
    field: str
    says: tuple[str, ...]


def in_file(text: str, line: int | None, field: str, *says: str) -> Wrong:
    return Wrong(text, (), f"line {line}" if line else None, field, says)


def in_model(fields: str, field: str, *says: str, line: int = 1) -> Wrong:
    return in_file(f"model: {{preset: vae-mlp-2d, {fields}}}\ndata: digits\n", line, field, *says)


def overridden(override: str, field: str, *says: str, text: str = GOOD) -> Wrong:
    return Wrong(text, (override,), f"--set {override}", field, says)


CASES = {
    # unknown names, at every level
    "unknown key": in_file(GOOD + "trian: {}\n", 3, "trian", "unknown field", "'train'", "Valid here"),
    "unknown key of the model": in_file(
        "model:\n  preset: vae-mlp-2d\n  latent_dims: 3\ndata: digits\n", 3, "model.latent_dims", "'latent_dim'"
    ),
    "unknown key of the data": in_file(
        "model: vae-mlp-2d\ndata:\n  name: digits\n  binarize: static\n", 4, "data.binarize", "'binarise'"
    ),
    "unknown key of the training": overridden("train.epoch=3", "train.epoch", "unknown field", "'epochs'"),
    "file in place of a dataset": overridden(
        "data=imgs.npz", "data.name", "looks like a path", '{name: arrays, path: "imgs.npz"}'
    ),
    "key that belongs elsewhere": overridden("epochs=3", "epochs", "unknown field", "'train.epochs'"),
    "key that is an option": overridden("train.lr=3", "train.lr", "unknown field", "'train.optimizer.lr'"),
    "option of a part": overridden("beta=4", "beta", "`model.objective.beta` is an option of the objective 'vae'"),
    "option of a part, in the model": overridden(
        "model.beta=4", "model.beta", "`model.objective.beta` is an option of the objective 'vae'"
    ),
    "option of another dataset": overridden("data.path=x", "data.path", "It is an option of another dataset, 'arrays'"),
    "option of another decoder": overridden(
        "model.decoder.channels=[3]", "model.decoder.channels", "It is an option of another decoder, 'conv'"
    ),
    "unknown key of the schedule": overridden(
        "train.schedule.peak=3", "train.schedule.peak", "Valid here: name, warmup"
    ),
    "unknown option": in_file(
        "model:\n  preset: vae-mlp-2d\n  encoder:\n    widhts: [3]\ndata: digits\n",
        4,
        "model.encoder.widhts",
        "'widths'",
        "Valid here: widths, depth",
    ),
    "wiring as an option": in_model("encoder: {data_shape: [3]}", "model.encoder.data_shape", "set by the model"),
    "unknown component": in_model("posterior: full_gausian", "model.posterior", "'full_gaussian'", "Available"),
    "unknown preset": in_file("model: vae-mpl-2d\ndata: digits\n", 1, "model.preset", "'vae-mlp-2d'"),
    "unknown dataset": in_file("model: vae-mlp-2d\ndata: digts\n", 2, "data", "unknown dataset", "'digits'"),
    "unknown optimizer": overridden("train.optimizer=adm", "train.optimizer", "'adam'"),
    "unknown optimizer option": overridden("train.optimizer.momentun=1", "train.optimizer.momentun", "unknown option"),
    "unknown schedule": overridden("train.schedule=cosin", "train.schedule.name", "'cosine'"),
    "unknown metric": overridden("evaluate.metrics=[elob]", "evaluate.metrics[0]", "'elbo'"),
    "unknown figure": overridden("evaluate.figures=[los]", "evaluate.figures[0]", "'loss'"),
    "unknown tracker": overridden("train.trackers=[wand]", "train.trackers[0]", "'wandb'"),
    "unknown device": overridden("train.device=gpu", "train.device", "'cuda'", "got 'gpu'"),
    # wrong values
    "wrong type": in_model("latent_dim: two", "model.latent_dim", "expected a whole number, got 'two'"),
    "two wrong fields": in_file(
        "model:\n  preset: vae-mlp-2d\n  latent_dim: 2.5\ndata: digits\ntrain: {epochs: many}\n",
        None,
        "",
        "2 fields are wrong",
        "line 3: model.latent_dim: expected a whole number, got 2.5",
        "line 5: train.epochs: expected a whole number, got 'many'",
    ),
    "truth for a number": overridden("train.epochs=true", "train.epochs", "expected a whole number, got true"),
    "number for a component": in_model("encoder: 3", "model.encoder", "expected a name or a mapping, got 3"),
    "number for a model": in_file("model: 3\ndata: digits\n", 1, "model", "expected a name or a mapping, got 3"),
    "text for a list": overridden("evaluate.metrics=elbo", "evaluate.metrics", "expected a list, got 'elbo'"),
    "negative size": in_model("latent_dim: -2", "model.latent_dim", "a number greater than 0, got -2"),
    "negative width": in_model("encoder: {widths: [8, -3]}", "model.encoder.widths[1]", "greater than 0, got -3"),
    "width of zero": in_model("encoder: {widths: [0]}", "model.encoder.widths[0]", "greater than 0, got 0"),
    "zero epochs": overridden("train.epochs=0", "train.epochs", "a number greater than 0, got 0"),
    "rate that is no number": overridden("train.optimizer.lr=.nan", "train.optimizer.lr", "got nan"),
    "infinite rate": overridden("train.optimizer.lr=.inf", "train.optimizer.lr", "got inf"),
    "negative rate": overridden("train.optimizer.lr=-1", "train.optimizer.lr", "learning rate", "-1"),
    "weight that is no number": in_model("objective: {name: vae, beta: .nan}", "model.objective.beta", "finite"),
    "two lengths": in_model(
        "objective: {name: vae, beta_warmup: {epochs: 1, steps: 2}}", "model.objective.beta_warmup", "exactly one"
    ),
    "length of another kind": in_model(
        "objective: {name: vae, beta_warmup: 3}",
        "model.objective.beta_warmup",
        "expected a mapping, got 3",
        "epochs, steps",
    ),
    "mean of another length": in_model(
        "prior: {name: gaussian, mean: [1, 2, 3]}", "model.prior.mean", "expected 2 numbers (latent_dim), got 3"
    ),
    "impossible covariance": in_model(
        "prior: {name: gaussian, covariance: [[1, 2], [2, 1]]}", "model.prior.covariance", "positive-definite"
    ),
    "negative seed": in_file(GOOD + "seed: -1\n", 3, "seed", "expected a number of at least 0, got -1"),
    "name that is a path": in_file(GOOD + "name: ../elsewhere\n", 3, "name", "got '../elsewhere'"),
    "too many examples": overridden("data.subset=100000", "data.subset", "expected a subset of at most 1374"),
    # what does not fit together
    "point under vae": in_model("posterior: point", "model", "'vae'", "'point'", "`diagonal_gaussian`"),
    "gaussian under autoencoder": in_model(
        "objective: autoencoder", "model", "'autoencoder'", "'diagonal_gaussian'", "posterior `point`"
    ),
    "learned scale under autoencoder": in_model(
        "objective: autoencoder, posterior: point, likelihood: {name: gaussian, scale_mode: shared}",
        "model",
        "'autoencoder'",
        "learns its scale",
        "scale_mode: fixed",
    ),
    "convolutions over vectors": in_file(
        "model:\n  preset: vae-mlp-2d\n  encoder: conv\n  likelihood: gaussian\ndata: gaussian_mixture\n",
        3,
        "model.encoder",
        "images",
        "`mlp`",
    ),
    "pixels without a range": in_file(
        "model: vae-mlp-2d\ndata: gaussian_mixture\n", 2, "data.scale", "Bernoulli", "`gaussian` likelihood"
    ),
    "shape that is not the data's": in_model(
        "data_shape: [1, 28, 28]", "model.data_shape", "[1, 8, 8]", "Leave it out"
    ),
    "fewer classes than the data": in_model("classes: 3", "model.classes", "expected 10", "`classes: 10`"),
    "classes without labels": in_file(
        "model:\n  preset: vae-mlp-2d\n  classes: 10\ndata: {name: arrays, path: vectors.npy}\n",
        3,
        "model.classes",
        "no labels",
        "Leave `classes` out",
    ),
    "no part that is needed": in_model(
        "posterior: null", "model.posterior", "missing: the objective 'vae' needs one", "Add `posterior: NAME`"
    ),
    # what is not there
    "no model": in_file("data: digits\n", None, "model", "missing"),
    "no data": in_file("model: vae-mlp-2d\n", None, "data", "missing"),
    "no data file": in_file("model: vae-mlp-2d\ndata: {name: arrays, path: no.npz}\n", 2, "data.path", "no.npz"),
    "no path for arrays": in_file("model: vae-mlp-2d\ndata: arrays\n", 2, "data.path", "missing"),
    "no data folder": in_file("model: vae-mlp-2d\ndata: {name: image_folder, root: no}\n", 2, "data.root", "no"),
    # what is no YAML, or more than YAML
    "broken YAML": in_file("model: [a\ndata: digits\n", 2, "", "not valid YAML"),
    "code in a tag": in_file(
        'model: !!python/object/apply:os.system ["touch made-by-a-tag"]\ndata: digits\n', 1, "", "tag", "plain data"
    ),
    "object in a tag": in_file("model: !!binary aGk=\ndata: digits\n", 1, "", "tag", "plain data"),
    "key twice": in_file("model: vae-mlp-2d\ndata: digits\ndata: mnist\n", 3, "", "'data' appears twice"),
    "key that is no word": in_file(GOOD + "3: x\n", 3, "", "expected a word as the key, got 3"),
    "two documents": in_file(GOOD + "---\nseed: 1\n", 3, "", "another document"),
    "empty file": in_file("", None, "", "expected a mapping of fields, got nothing"),
    "list": in_file("- model\n- data\n", None, "", "expected a mapping of fields, got a list"),
    "text": in_file("digits\n", None, "", "expected a mapping of fields"),
    "nesting without end": in_file("model: " + "[" * 5000, None, "", "not valid YAML"),
    # overrides that are none
    "override without a value": overridden("train.epochs", "", "expected KEY=VALUE", "--set train.epochs=3"),
    "override without a key": overridden("=3", "", "expected KEY=VALUE"),
    "override with a hole": overridden("train..epochs=3", "", "expected KEY=VALUE"),
    "override with broken YAML": overridden("train.epochs=[1", "", "not valid YAML"),
    "override into a list": overridden(
        "evaluate.metrics.0=elbo",
        "",
        "expected a mapping at evaluate.metrics",
        text=GOOD + "evaluate: {metrics: [mse]}\n",
    ),
    "override into a number": Wrong(
        GOOD + "seed: 3\n", ("seed.more=3",), "--set seed.more=3", "", ("expected a mapping at seed",)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_wrong_recipe_is_refused_with_the_field_and_its_place(case, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("vectors.npy", np.zeros((20, 3), dtype=np.uint8))
    Path("wrong.yaml").write_text(case.text)
    overrides = [part for override in case.overrides for part in ("--set", override)]
    outcome = cli("train", "wrong.yaml", *overrides, "--out", "run", "--quiet")
    assert outcome.status == 2
    assert outcome.out == ""
    message = outcome.err
    assert message.startswith("Error: ")
    assert "Traceback" not in message
    assert message.count("Error:") == 1
    written = case.place if case.overrides else f"wrong.yaml, {case.place}"
    assert message.startswith(f"Error: {written if case.place else 'wrong.yaml'}: ")
    assert case.field in message.splitlines()[0]
    for words in case.says:
        assert words in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vectors.npy", "wrong.yaml"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("digit", ("unknown recipe 'digit'", "'digits'", "./digit.yaml")),
        ("nowhere.yaml", ("nowhere.yaml: there is no such file", "`zoo-cli list recipe`")),
        ("mine.yml", ("there is no such file", "Did you mean 'mine.yaml'?")),
        ("folder/", ("folder/: expected a YAML file, got a directory", "YAML files in it: inside.yaml")),
        (".", ("unknown recipe '.'",)),
        ("vae-mlp-2d", ("unknown recipe 'vae-mlp-2d'", "It is a preset", "`model: vae-mlp-2d`")),
        ("a.npz", ("a.npz: expected a recipe, got a file of data", '`data: {name: arrays, path: "a.npz"}`')),
        ("runs/a", ("directory of a run", "zoo-cli train runs/a/recipe.yaml --out runs/a --resume")),
        ("run b", ("directory of a run", "zoo-cli train 'run b/recipe.yaml' --out 'run b' --resume")),
        ("latin.yaml", ("latin.yaml: cannot be read", "UTF-8")),
    ],
)
def test_what_is_no_recipe_is_named(name, says, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(GOOD)
    Path("latin.yaml").write_bytes("# Größe".encode("latin-1"))
    Path("folder").mkdir()
    Path("folder", "inside.yaml").write_text(GOOD)
    for run in ("runs/a", "run b"):
        Path(run).mkdir(parents=True)
        Path(run, "recipe.yaml").write_text(GOOD)
    outcome = cli("train", name)
    assert outcome.status == 2
    assert outcome.err.startswith("Error: ")
    for words in says:
        assert words in outcome.err


@pytest.mark.parametrize("override", ["model.posterior=point", "train.epochs=0"])
def test_the_script_ends_with_status_2_and_no_traceback(override, tmp_path):
    result = processes.run("-m", "zoo", "train", "digits", "--set", override, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_table_in_place_of_a_recipe_is_named_in_a_recipe(cli, tmp_path):
    (tmp_path / "plants.csv").write_text("height,weight\n1.5,3\n")
    done = cli("train", tmp_path / "plants.csv")
    assert done.status == 2
    assert "data: {name: table, path: plants.csv}" in done.err
    (tmp_path / "long.csv").write_text("a b\n" + "1 2\n" * 100)
    assert re.search(r"got '[^']*…'\n", cli("train", tmp_path / "long.csv").err), "a quotation is closed"
