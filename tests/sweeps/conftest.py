"""A small sweep, trained once without a disturbance."""

from __future__ import annotations

import multiprocessing.context
from pathlib import Path

import pytest

import zoo
from zoo.sweeps.results import Sweep

GRID = "model.objective.beta=0.5,1,2,4"
SEEDS = 3
SMALL = [
    "train.epochs=2", "data.subset=150", "train.batch_size=32", "model.encoder.widths=[12]",
    "model.decoder.widths=[12]", "evaluate.metrics=[elbo, mse]", "evaluate.figures=[]", "train.precision=fp32",
]  # fmt: skip
COMMAND = [
    "sweep", "digits", "--grid", GRID, "--seeds", str(SEEDS), *(word for text in SMALL for word in ("--set", text)),
]  # fmt: skip


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The sweep over β with three seeds, trained in this process."""
    out = tmp_path_factory.mktemp("sweeps") / "undisturbed"
    return zoo.sweep("digits", [GRID], seeds=SEEDS, overrides=SMALL, out=out, quiet=True)


class Forks:
    """Takes the place of ``multiprocessing.get_context``: forks of this process, which has everything imported.

    A server that forks has to import all of it first. ``OMP_NUM_THREADS`` must not be set: without it, each of several
    processes uses its share of the cores, and a fork that uses several threads hangs in those that it did not inherit.
    """

    def __init__(self, method: str) -> None:
        context = multiprocessing.context.ForkContext()
        self.Process, self.Pipe = context.Process, context.Pipe

    def set_forkserver_preload(self, modules: list[str]) -> None:
        """Do nothing."""


def numbers(folder: Path) -> bytes:
    """Return every number of a sweep, as its file holds them."""
    return (folder / "sweep.json").read_bytes()


def finished(folder: Path) -> list[str]:
    """Return the names of the runs that are done."""
    return sorted(path.parent.name for path in folder.glob("runs/*/evaluation.json"))
