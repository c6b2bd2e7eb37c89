"""The hooks of the documentation site: links that also work in the repository, and no address on another host."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

import zoo
from zoo.cli import cli

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
HOOKS = Path(__file__).parent.parent.parent / "docs" / "_hooks"


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[x](../../zoo/objectives/vae.py#Vae)", "[x][zoo.objectives.vae.Vae]"),
        ("[x](../../zoo/callbacks/__init__.py#Callback)", "[x][zoo.callbacks.Callback]"),
        ("[x](../../zoo/model/model.py#Model.encode)", "[x][zoo.model.model.Model.encode]"),
        ("[x](../../zoo/divergences.py)", "[x][zoo.divergences]"),
        ("[x](../../zoo/objectives/vae.py)", "[x](../reference/objectives.md#vae)"),
        ("[x](../../zoo/objectives)", "[x](../reference/objectives.md)"),
        ("[x](../../zoo/spec/training.py)", "[x](../reference/recipe.md#train)"),
        ("[x](../../zoo/cli)", "[x](../reference/commands.md)"),
        ("[x](../training.md#schedules) `zoo/cli`", "[x](../training.md#schedules) `zoo/cli`"),
    ],
)
def test_a_link_to_a_source_file_becomes_one_into_the_reference(written: str, shown: str) -> None:
    assert hook("links").to_reference(written, "../") == shown


@pytest.mark.parametrize(
    ("text", "suffix", "found"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ".html", ["https://cdn.example/x.js"]),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', ".html", ["//cdn.example/x.css"]),
        ('<img src="http://cdn.example/x.png">', ".html", ["http://cdn.example/x.png"]),
        ("<style>@import 'https://cdn.example/x.css'</style>", ".html", ["https://cdn.example/x.css"]),
        ("@font-face { src: url(https://cdn.example/x.woff2) }", ".css", ["https://cdn.example/x.woff2"]),
        ('<a href="https://example.org">x</a><script src="assets/x.js"></script>', ".html", []),
        ("@font-face { src: url(fonts/x.woff2) }", ".css", []),
    ],
)
def test_what_another_host_would_be_asked_for_is_found(text: str, suffix: str, found: list[str]) -> None:
    assert hook("offline").foreign(text, suffix) == found


def test_the_fonts_of_mathematics_are_shipped() -> None:
    folder = HOOKS.parent / "assets" / "katex"
    style = (folder / "katex.min.css").read_text(encoding="utf-8")
    named = {part.partition(")")[0] for part in style.split("url(")[1:]}
    assert named == {f"fonts/{path.name}" for path in (folder / "fonts").iterdir()}
    assert (folder / "LICENSE").is_file()


def test_the_gallery_lists_every_preset_pretrained_model_and_recipe() -> None:
    page = hook("gallery").page([f"gallery/{name}-samples.png" for name in zoo.list_pretrained()])
    for name in (*zoo.list_models(), *zoo.list_recipes()):
        assert f"| `{name}` |" in page
    for name in zoo.list_pretrained():
        assert f"![samples of {name}](gallery/{name}-samples.png)" in page
    assert page.count("\n") > 50


def test_the_reference_of_commands_has_every_command_and_no_bracket_that_begins_a_link() -> None:
    page = hook("reference").commands_page()
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert f"## `zoo-cli {name}`" in page
    cells = [line.rpartition("` |")[2] for line in page.splitlines() if line.startswith("| `")]
    assert not [cell for cell in cells if re.search(r"(?<!\\)\[", cell)]
