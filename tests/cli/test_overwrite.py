"""No command replaces a file of the user's without being told to."""

from __future__ import annotations

import click
import pytest

import zoo.cli

MODEL = "vae-mlp-2d.digits"
OF_DIRECTORIES = {"train", "sweep", "export"}
"""Commands whose ``--out`` is a directory of its own, which they refuse if it holds anything."""
GROUP = zoo.cli.cli
NAMES = [name for name in GROUP.list_commands(click.Context(GROUP)) if name not in OF_DIRECTORIES]
OPTIONS = {name: {each.name for each in GROUP.get_command(click.Context(GROUP), name).params} for name in NAMES}


@pytest.mark.parametrize("name", [name for name, options in OPTIONS.items() if "out" in options])
def test_every_command_that_writes_a_file_replaces_one_with_overwrite_alone(name: str) -> None:
    assert "overwrite" in OPTIONS[name]


WRITING = {
    "sample": (["sample", MODEL, "--count", "2"], "samples.png"),
    "embed": (["embed", MODEL, "--count", "2", "--out", "codes.csv"], "codes.csv"),
    "evaluate": (["evaluate", MODEL, "--metric", "mse", "--out", "mse.json"], "mse.json"),
    "plot": (["plot", MODEL, "samples", "--out", "figures"], "figures/samples.png"),
    "plot-again": (["plot", MODEL, "samples", "samples", "--out", "figures"], "figures/samples-2.png"),
    "plot-without-out": (["plot", MODEL, "samples"], "figures/samples.png"),
    "plot-other-data": (["plot", MODEL, "samples", "--data", "digits"], "figures/samples.png"),
    "report-without-out": (["report", MODEL], "report.html"),
    "compare": (["compare", MODEL, "ae-mlp-2d.digits", "--metric", "mse"], "comparison/comparison.md"),
    "fit-prior": (
        ["fit-prior", MODEL, "{name: mixture, components: 2}", "--out", "fitted", "--quiet"],
        "fitted/config.json",
    ),
}


@pytest.mark.parametrize(("words", "file"), WRITING.values(), ids=list(WRITING))
def test_a_file_that_is_there_is_kept_until_it_may_be_replaced(cli, tmp_path, monkeypatch, words, file) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.report.page.render_report", lambda *arguments, **options: "<p>a page</p>")
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    refused = cli(*words)
    assert (refused.status, path.read_text()) == (2, "mine")
    assert f"{file}: the file already exists\nReplace it with --overwrite, or choose another --out." in refused.err
    done = cli(*words, "--overwrite")
    assert done.status == 0, done.err
    assert path.read_bytes() != b"mine"
