"""What is shown while a sweep runs."""

from __future__ import annotations

import io
import os
from pathlib import Path

from rich.console import Console

from zoo.sweeps.axes import Choice
from zoo.sweeps.directory import SweepDirectory
from zoo.sweeps.progress import SweepProgress
from zoo.sweeps.results import SweepRun
from zoo.sweeps.spec import MetricSpec

METRIC = MetricSpec(name="elbo", better="higher")


def shown(folder: Path, *, terminal: bool) -> str:
    """Return what is printed of two runs: one is done, the other failed."""
    progress = SweepProgress(SweepDirectory(folder), quiet=False)
    text = io.StringIO()
    progress.console = Console(file=text, force_terminal=terminal, width=100, no_color=True)
    progress.plan(3, 1)
    for name in ("a=1", "a=2"):
        run = SweepRun(name, Choice({"a": 1}), 0, folder / "runs" / name)
        progress.begin(run, epochs=4)
        (run.path).mkdir(parents=True)
        (run.path / "metrics.jsonl").write_text("{}\n{}\n")
        progress.refresh()
        if progress._bars is not None:
            progress._bars.refresh()
        run.state, run.problem = ("done", None) if name == "a=1" else ("failed", "no memory\nMore words")
        run.record = {"metrics": {"elbo": -3.25}}
        progress.end(run, METRIC)
    progress.stop()
    return text.getvalue()


def test_each_run_has_a_line_when_it_ends(tmp_path: Path) -> None:
    lines = shown(tmp_path, terminal=False).splitlines()
    assert lines == ["2/3 a=1: done in 0:00, elbo -3.2500", "3/3 a=2: failed: no memory"]


def test_a_terminal_shows_how_far_each_run_is(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=True)
    assert "epoch 2/4" in text
    assert "2/3 a=1: done" in text


def test_a_pipe_in_the_place_of_the_records_does_not_stop_the_bar(tmp_path: Path) -> None:
    progress = SweepProgress(SweepDirectory(tmp_path), quiet=False)
    progress.console = Console(file=io.StringIO(), force_terminal=True, width=100)
    progress.plan(1, 1)
    run = SweepRun("a=1", Choice({"a": 1}), 0, tmp_path / "runs" / "a=1")
    run.path.mkdir(parents=True)
    os.mkfifo(run.path / "metrics.jsonl")
    progress.begin(run, epochs=4)
    progress.refresh()
    progress.stop()
