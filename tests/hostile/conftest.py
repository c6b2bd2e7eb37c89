"""One trained run that tests damage copies of, and the command line in a process of its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import zoo
from tests import processes
from zoo.cli import main
from zoo.runs.run import Run

QUICK = (
    "train.epochs=2",
    "data.subset=100",
    "model.encoder.widths=[8]",
    "model.decoder.widths=[8]",
    "evaluate.metrics=[elbo]",
    "evaluate.figures=[]",
)
"""Overrides of the recipe `digits` that train in a fraction of a second."""
SETTINGS = [word for setting in QUICK for word in ("--set", setting)]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of two epochs; tests work on copies."""
    return zoo.train("digits", out=tmp_path_factory.mktemp("pristine") / "run", overrides=QUICK)


@pytest.fixture
def run(pristine: Run, tmp_path: Path) -> Path:
    """A copy of the run, to be damaged."""
    return Path(shutil.copytree(pristine.path, tmp_path / "run"))


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


ZooCli = Callable[..., Ended]


@pytest.fixture
def zoo_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ZooCli:
    """Run ``zoo-cli`` here, in a directory of the test; what it raises fails the test as a traceback would."""

    def call(*arguments: object) -> Ended:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["zoo-cli", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return Ended(int(stop.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def zoo_process(tmp_path: Path) -> ZooCli:
    """Run ``zoo-cli`` in a process of its own, in a directory of the test."""

    def call(*arguments: object, program: str = "") -> Ended:
        script = f"{program}\nimport sys\nfrom zoo.cli import main\nsys.argv[0] = 'zoo-cli'\nmain()"
        environment = {**os.environ, "PYTHONPATH": str(Path(zoo.__file__).parents[1])}
        done = processes.run("-c", script, *arguments, cwd=tmp_path, env=environment)
        return Ended(done.returncode, done.stdout, done.stderr)

    return call


def assert_one_message(done: Ended, *words: str, status: tuple[int, ...] = (1, 2)) -> None:
    """Compare the end of a command with that of an expected failure."""
    assert done.returncode in status, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stderr.count("Error: ") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
