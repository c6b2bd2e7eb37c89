"""Typing mistakes get a suggestion, listings know all that a recipe names, and components of a script are found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import zoo
from zoo.registry.registration import registered

SCRIPT = """
import math, zoo
from torch import nn
from zoo.encoders import Encoder

@zoo.register("encoder", "pixels_of_{name}")
class Pixels(Encoder):
    \"\"\"One layer.\"\"\"
    def __init__(self, *, data_shape: tuple[int, ...], size: int = 4) -> None:
        super().__init__()
        self.features = size
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(data_shape), size))
    def forward(self, x, condition=None):
        return self.layers(x)
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian", "digits"], "No such command 'trian'. Did you mean 'train'?"),
        (["train", "digits", "--epochs", "3"], "`--set train.epochs=…`"),
        (["train", "digits", "--data", "a.csv"], "`--set data=…`"),
        (["train", "digits", "--batch-size", "3"], "`--set train.batch_size=…`"),
        (["train", "digits", "--lr", "3"], "`--set train.optimizer.lr=…`"),
        (["train", "digits", "--latent-dim", "3"], "`--set model.latent_dim=…`"),
        (["train", "digits", "epochs=3"], "`--set train.epochs=3`"),
        (["train", "digits", "model.latent_dim=3"], "`--set model.latent_dim=3`"),
        (["evaluate", "x", "--binarise", "none"], "`--set data.binarise=…`"),
        (["train", "digits", "--figures", "loss"], "`--set evaluate.figures=…`"),
        (["evaluate", "vae-mlp-2d.digits", "--data", "no/such.png"], "there is no such file, folder or dataset"),
        (["embed", "vae-mlp-2d.digits", "--data", __file__, "--out", "x.csv"], "no dataset reads this file"),
        (["sample", "vae-mlp-2d.digits", "--cuont", "3"], "'--count'"),
        (
            ["train", "digits", "--set", "model.encoder=zzz", "--out", "x"],
            "`--import FILE.py`, or `imports` in the recipe",
        ),
        (["list", "vae"], "zoo-cli list 'vae*'"),
    ],
)
def test_a_slip_gets_a_suggestion(cli, words, message):
    done = cli(*words)
    assert done.status == 2
    assert message in done.err


def test_the_table_of_commands_is_whole(cli):
    shown = cli("--help").out
    assert "..." not in shown.partition("Commands:")[2]
    names = {file.stem.replace("_", "-") for file in Path(zoo.cli.__file__).parent.glob("[!_]*.py")}
    listed = {line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line.startswith("  ")}
    assert names <= listed


def test_a_pattern_alone_looks_in_all_kinds(cli):
    found = json.loads(cli("list", "vae*", "--json").out)
    assert found["model"] == zoo.list_models("vae*")
    assert found["objective"] == ["vae"]
    assert "posterior" not in cli("list", "vae*").out


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("optimizer", "adamw", "weight_decay: float  (default 0.01)"),
        ("schedule", "one_cycle", "For the learning rate, `train.schedule`."),
        ("schedule", "exponential", "weights of the loss"),
        ("tracker", "tensorboard", "For `train.trackers`."),
        ("field", "train.epochs", "about 3,000 steps, between 15 and 200. (whole number | null; default null)"),
        ("field", "data.scale", "standardise"),
    ],
)
def test_what_is_no_component_is_listed_and_shown(cli, kind, name, words):
    assert name in json.loads(cli("list", kind, "--json").out)
    assert name in [line.split()[0] for line in cli("list", f"{kind}s").out.splitlines()]
    assert words in cli("show", name).out
    (facts, *_) = json.loads(cli("show", f"{kind}/{name}", "--json").out)
    assert (facts["kind"], facts["name"]) == (kind, name)


def test_a_section_of_a_recipe_is_shown_whole(cli):
    names = [facts["name"] for facts in json.loads(cli("show", "data", "--json").out)]
    assert names[0] == "data"
    assert {"data.name", "data.binarise", "data.augment"} <= set(names)


@pytest.fixture
def script(tmp_path, monkeypatch, request) -> Path:
    name = f"parts_{abs(hash(request.node.nodeid)) % 10**8}"
    path = tmp_path / f"{name}.py"
    path.write_text(SCRIPT.format(name=name))
    monkeypatch.chdir(tmp_path)
    return path


def forget(script: Path) -> None:
    """Forget the components of a script, as another process does not know them."""
    sys.modules.pop(script.stem, None)
    for key in [key for key in registered if key[2] == script.stem]:
        del registered[key]


@pytest.mark.slow
def test_components_of_a_script_are_imported_by_option_and_by_recipe(cli, script):
    assert cli("list", "encoder", "--import", script.name).out.count(f"pixels_of_{script.stem}") == 1
    forget(script)
    small = ["train.epochs=1", "data.subset=100", "evaluate={metrics: [mse], figures: []}"]
    recipe = {"name": "r", "imports": [script.name], "data": "digits",
              "model": {"preset": "vae-mlp-2d", "encoder": f"pixels_of_{script.stem}"}}  # fmt: skip
    run = zoo.train(recipe, out="run", overrides=small)
    assert run.recipe.imports == (str(script),)
    assert script.stem not in (run.path / "README.md").read_text().partition("imports:")[2][:200]
    forget(script)
    refused = cli("sample", "run", "--count", "2")
    assert refused.status == 2
    assert "it came from a script or a notebook" in refused.err
    assert "--import FILE.py" in refused.err
    assert cli("sample", "run", "--count", "2", "--import", script.name).status == 0
    forget(script)
    zoo.train(run.path / "recipe.yaml", resume=True, overrides=["train.epochs=2"])
    forget(script)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.py", "there is no such file"),
        ("no_such_module", "there is no such module"),
        ("broken.py", "it cannot be imported: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_imported_is_one_message(cli, tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("1 / 0")
    done = cli("list", "--import", name)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_run_never_imports_what_its_recipe_lists_when_it_is_only_used(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = zoo.train("digits", out="run", overrides=["train.epochs=1", "data.subset=60",
                                                    "evaluate={metrics: [mse], figures: []}"])  # fmt: skip
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    recipe = run.path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("imports: []", "imports: [evil.py]"))
    for words in (["sample", "run", "--count", "1"], ["evaluate", "run", "--metric", "mse"]):
        done = cli(*words)
        assert done.status == 0, done.err
