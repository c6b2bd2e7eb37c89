"""Text of others, such as names of columns and classes, reaches a terminal without what a terminal obeys."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import zoo
from tests.hostile.conftest import ZooCli
from zoo.cli._output import echo_json
from zoo.drawing.style import short_name
from zoo.spec.labels import values_label
from zoo.sweeps.axes import Choice
from zoo.sweeps.directory import SweepDirectory
from zoo.sweeps.progress import SweepProgress
from zoo.sweeps.results import SweepRun
from zoo.training.progress import ConsoleReporter

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"


def is_clean(text: str) -> bool:
    return not any(letter in text for letter in EVIL if not letter.isalnum() and not letter.isprintable())


def test_commands_print_by_the_function_that_escapes() -> None:
    """All but the two that escape themselves."""
    for path in (Path(zoo.__file__).parent / "cli").glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {ast.unparse(call.func) for call in calls}
        assert path.name in ("_output.py", "_failures.py") or not names & {"click.echo", "print", "click.secho"}


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": f"é{EVIL}\U000e0001\ud800", "lines": "a\nb\tc"}
    echo_json(value)
    said = capsys.readouterr().out
    assert is_clean(said)
    assert "é" in said
    assert json.loads(said) == value


@pytest.mark.parametrize("command", ["train", "evaluate", "score"])
def test_names_of_columns_and_classes(command: str, tmp_path: Path, zoo_cli: ZooCli) -> None:
    names = [f"a{EVIL}", "b[/red]", "kind"]
    rows = [f"{place / 7},{1 if place % 3 else ''},{['x', EVIL][place % 2]}" for place in range(40)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(names), *rows]), encoding="utf-8")
    data = "{name: table, path: t.csv, label: kind}"
    preset = [
        "--set", f"data={data}", "--set", "model={preset: vae-table-8d}", "--set", "train.epochs=1",
        "--set", "evaluate={metrics: [mse], figures: []}",
    ]  # fmt: skip
    trained = zoo_cli("train", "digits", *preset, "--out", "run")
    said = (
        trained if command == "train" else zoo_cli(command, "run", *(["--out", "s.npz"] if command == "score" else []))
    )
    for done in (trained, said):
        assert done.returncode == 0, done.stderr
        assert is_clean(done.stdout + done.stderr)


def test_progress_shows_brackets_and_escapes_as_they_are(tmp_path: Path) -> None:
    shown = io.StringIO()
    reporter = ConsoleReporter(Console(file=shown, force_terminal=False, width=500))
    reporter.note(f"note {EVIL}[/red]")
    progress = SweepProgress(SweepDirectory(tmp_path), quiet=False)
    progress.console = Console(file=shown, force_terminal=True, width=500)
    progress.note(f"note {EVIL}[/red]")
    progress.begin(SweepRun("name[/red]", Choice({}), 0, tmp_path), 3)
    assert progress._bars is not None
    progress._bars.refresh()
    progress.stop()
    assert shown.getvalue().count("note \\x1b[2J") == 2
    assert "name[/red]" in shown.getvalue()


@pytest.mark.parametrize("key", ["../../x", "/etc/x", f"data.columns.{EVIL}", "a\nb", "x" * 999])
def test_a_run_of_a_sweep_has_a_name_that_is_one_folder(key: str) -> None:
    name = values_label({key: "../y", "b": 1})
    assert Path(name).name == name
    assert is_clean(name)
    assert len(name.encode()) < 230


def test_a_picture_of_a_class_with_an_odd_name(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((30, 1, 8, 8), dtype="f4")
    y = np.array([f"$\\frac{{{EVIL}$", "b"] * 15)
    settings = {"evaluation": {"metrics": ["mse"], "figures": ["embedding", "samples"]}, "quiet": True}
    run = zoo.fit(x, "vae-mlp-2d", y, epochs=1, out=tmp_path / "run", **settings)
    assert len(run.figures) == 2
    assert short_name("$a$\x1b\n", 9) == r"\$a\$\x1b "
