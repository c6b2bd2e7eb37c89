"""``push``, ``pull`` and ``list`` on the command line, and every command that takes a MODEL."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo
from tests import processes
from tests.hub.conftest import TOKEN
from tests.hub.faults import Fault
from tests.hub.repository import Repository
from tests.hub.server import HubServer
from zoo.runs.run import Run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def cli(*arguments: str, status: int = 0) -> None:
    """Run ``zoo-cli`` in this process."""
    from zoo.cli import main

    sys.argv = ["zoo-cli", *arguments]
    with pytest.raises(SystemExit) as stopped:
        main()
    assert (stopped.value.code or 0) == status


def test_push_and_pull(hub: HubServer, run: Run, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli("push", str(run.path), "ada/digits", "--dry-run")
    said = capsys.readouterr().out
    assert "Would push to hf://ada/digits:" in said
    assert "model.safetensors" in said
    assert "Would not be pushed: last/config.json" in said
    assert hub.requests == []
    cli("push", str(run.path), "ada/digits", "--private", "--tag", "v1", "--licence", "mit", "--message", "First")
    said = capsys.readouterr().out
    assert f"{hub.url}/ada/digits/commit/" in said
    assert 'zoo.load("hf://ada/digits")' in said
    assert hub.repositories["ada/digits"].private
    assert hub.repositories["ada/digits"].log()[0] == "First"
    cli("push", str(run.path), "ada/digits", "--licence", "mit")
    assert "Nothing has changed" in capsys.readouterr().out
    cli("pull", "ada/digits", "--revision", "v1", "--to", "copy")
    said = capsys.readouterr().out
    assert "location    copy" in said
    assert "objective   vae" in said
    assert "ELBO" in said
    assert (here / "copy" / "model.safetensors").is_file()
    cli("pull", "hf://ada/digits@v1", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["evaluation"] == run.evaluation
    assert facts["commit"] == hub.repositories["ada/digits"].head.oid


def test_a_pretrained_model_and_one_of_the_hub_can_be_pushed(hub: HubServer, here: Path) -> None:
    cli("push", "ae-mlp-2d.digits", "ada/ae")
    cli("push", "hf://ada/ae", "ada/copy")
    assert zoo.load("hf://ada/copy").spec == zoo.load("ae-mlp-2d.digits").spec
    assert {"recipe.yaml", "evaluation.json", "README.md"} <= set(hub.repositories["ada/copy"].head.files)


@pytest.mark.parametrize("model", ["hf://ada/digits@v1", "vae-mlp-2d.digits"])
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "MODEL", "--metric", "mse"],
        ["sample", "MODEL", "--count", "4"],
        ["plot", "MODEL", "samples"],
        ["compare", "MODEL", "ae-mlp-2d.digits", "--metric", "mse", "--set", "subset=200", "--out", "table.csv"],
        pytest.param(["report", "MODEL"], marks=pytest.mark.slow),
        ["push", "MODEL", "ada/again"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_takes_a_model_of_the_hub_and_a_pretrained_one(
    command: list[str], model: str, pushed: Callable[..., Repository], here: Path, cache: Path
) -> None:
    pushed(tag="v1")
    zoo.load("hf://ada/digits@v1")
    shelf = Path(zoo.__file__).parent / "pretrained"

    def untouchable() -> dict[Path, bytes]:
        kept = [*cache.rglob("*"), *shelf.rglob("*")]
        return {path: path.read_bytes() for path in kept if path.is_file() and path.suffix != ".lock"}

    before = untouchable()
    cli(*[model if word == "MODEL" else word for word in command])
    after = untouchable()
    assert {path: content for path, content in after.items() if path in before} == before
    assert not [path for path in after.keys() - before.keys() if path.is_relative_to(shelf)]


@pytest.mark.slow
def test_a_command_line_round_trip_in_processes_of_their_own(
    hub: HubServer, run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    def zoo_cli(*arguments: str, status: int = 0) -> str:
        done = processes.run("-m", "zoo", *arguments, env=environment, cwd=tmp_path)
        assert done.returncode == status, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    zoo_cli("push", str(run.path), "ada/digits")
    figures = json.loads(zoo_cli("evaluate", "hf://ada/digits", "--metric", "mse", "--json"))
    assert figures["metrics"]["mse"] == run.evaluation["metrics"]["mse"]
    said = zoo_cli("pull", "ada/nothing", status=2)
    assert said.count("Error: ") == 1
    hub.faults.append(Fault("GET /api/models", status=403))
    assert "has no permission to do that (403)" in zoo_cli("pull", "ada/digits", status=1)


def test_what_there_is(hub: HubServer, run: Run, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zoo.push(run.model, "ada/one")
    cli("list", "hub", "--author", "ada")
    assert "hf://ada/one" in capsys.readouterr().out
    cli("list", "hub", "--author", "nobody")
    assert "None found." in capsys.readouterr().err
    cli("list", "hub", "--json")
    assert json.loads(capsys.readouterr().out) == ["ada/one"]
    cli("list", "pretrained", "vae-*")
    said = capsys.readouterr().out
    assert "vae-mlp-2d.digits" in said
    assert "A VAE with a latent plane" in said


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["sample", "hf://nobody"], 2, "expected the name of a model on the Hub"),
        (["sample", "vae-mlp-2d.digit"], 2, "Did you mean 'vae-mlp-2d.digits'?"),
        (["pull", "ada/nothing"], 2, "no such repository"),
        (["push", "nowhere", "ada/x"], 2, "no such directory"),
    ],
)
def test_bad_input_is_told_in_one_message(
    arguments: list[str], status: int, message: str, hub: HubServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli(*arguments, status=status)
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("Error: ")
