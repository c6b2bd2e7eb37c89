"""The code blocks of README.md, CONTRIBUTING.md and docs/ are run: what they say works, works.

Each document has a working directory and a namespace of its own; its blocks run in their order.

- ``python``: executed. With a title (```` ```python title="my_encoder.py" ````): written to that file.
- ``yaml``: a fragment of a recipe, validated. With a title: written to that file.
- ``bash``: a command a line, ``zoo-cli …`` or ``python …``, which must succeed.
- ``console``: commands after ``$``, and their output. It is compared line by line with all numbers masked; ``…``
  stands for any text, and alone on a line for any lines. A command that is to fail ends with ``  # exit status N``.
- ``json``: parsed. ``text`` and ``bibtex``: shown only.

A block that must not run (it installs something) is marked: ``<!-- skip: next "why" -->``. A ``zoo-cli train`` that
does not say how long is shortened to one epoch. Documents that begin with the same bundled recipe share its run, which
does not depend on the folder that it is made in. Other runs of bundled recipes in ``bash`` blocks, whose output is not
shown, draw two figures; every figure is drawn for the shared ones and for recipes of the document.
"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import shlex
import shutil
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

import zoo
from tests import processes
from zoo.registry import KINDS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = RawFencedCodeBlockLexer(re.compile(r'(?P<language>\w*)(?: +title="(?P<title>[^"]+)")?[^\n]*\n'))
PROGRAM = re.compile(r"^(?:```(?:bash|console)|.*\bzoo\.(?:train|fit|sweep|Estimator)\()", re.MULTILINE)
SKIPPED = re.compile(r"^<!-- skip: next[^\n]*\n+```.*?^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`(zoo(?:\.\w+)+)[`(]")
NUMBER = re.compile(r"[-−]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?")


@pytest.fixture(autouse=True, scope="module")
def _runs_are_shared(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SHARED, "folder", tmp_path_factory.mktemp("shared"))
        yield


SHARED: dict[str, Path] = {}
"""Where the runs are kept that documents begin with."""


def marked(path: Path):
    """Return a document as a parameter: slow if its blocks run programs or train."""
    programs = PROGRAM.search(SKIPPED.sub("", path.read_text(encoding="utf-8")))
    return pytest.param(path, id=str(path.relative_to(ROOT)), marks=[pytest.mark.slow] * bool(programs))


@pytest.mark.parametrize("path", [marked(path) for path in DOCUMENTS])
def test_the_blocks_of_a_document_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for example in Document.parse(str(path), SkipParser(), parse_blocks).examples():
        try:
            example.evaluate()
        except SkipTest:
            continue


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS])
def test_names_of_the_package_in_a_text_exist(path):
    groups = {f"zoo.{kind}" for kind in KINDS}  # of entry points
    for name in sorted({*NAME.findall(path.read_text(encoding="utf-8"))} - groups):
        assert pkgutil.resolve_name(name), name


def parse_blocks(document: Document):
    """Yield every fenced block of a document; one of a language that is not known here fails."""
    for region in FENCE(document):
        language, title = region.lexemes["language"], region.lexemes["title"]
        region.parsed = region.lexemes["source"]
        region.evaluator = EVALUATORS.get(language, refuse) if title is None else write_file
        yield region


def refuse(example: Example) -> str:
    return f"no way to check a block of language {example.region.lexemes['language']!r}"


def show(example: Example) -> None:
    """A block for the eye alone."""


def write_file(example: Example) -> None:
    path = Path(example.region.lexemes["title"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed, encoding="utf-8")


def check_json(example: Example) -> None:
    json.loads(example.parsed)


def check_fragment(example: Example) -> None:
    """Validate a fragment of a recipe, with a model and data under it where it names none."""
    import yaml

    zoo.load_recipe({"name": "fragment", "model": "vae-mlp-2d", "data": "digits", **yaml.safe_load(example.parsed)})


def run_commands(example: Example) -> str | None:
    """Run each line; a backslash at its end continues it."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            status, output = run(line, ("--set", "evaluate.figures=[loss, samples]"))
            if status != 0:
                return f"{line}\nexit status {status}\n{output}"
    return None


def run_transcript(example: Example) -> str | None:
    """Run each line after a ``$`` and compare what follows it with the output, numbers masked."""
    for part in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        command, _, wanted = line.partition("  # exit status ")
        status, output = run(command)
        if status != int(wanted or 0):
            return f"{command}\nexit status {status}\n{output}"
        missing = first_missing(shown, output)
        if missing is not None:
            return f"{command}\nshould print, after the lines above it: {missing}\nprinted:\n{output}"
    return None


def run(line: str, unless_shared: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run ``zoo-cli`` or ``python`` without a shell; return its exit status and all that it printed.

    Args:
        unless_shared: arguments for the training of a bundled recipe that is not shared with other documents.
    """
    words = shlex.split(line, comments=True)
    bundled = words[:2] == ["zoo-cli", "train"] and {*words[2:3]} <= {*zoo.list_recipes()}
    if not bundled or words[3:] or Path("runs").exists():
        return run_here(line, *unless_shared if bundled and "--resume" not in words else ())
    kept = SHARED["folder"] / words[2]
    if not kept.exists():
        status, output = run_here(line)
        if status == 0:
            shutil.copytree("runs", kept / "runs")
            (kept / "output").write_text(output, encoding="utf-8")
        return status, output
    shutil.copytree(kept / "runs", "runs")
    return 0, (kept / "output").read_text(encoding="utf-8")


def run_here(line: str, *more: str) -> tuple[int, str]:
    """Run a command in the working directory."""
    program, *arguments = [*shlex.split(line, comments=True), *more]
    if program == "zoo-cli":
        if arguments[0] == "train" and "train.epochs" not in line and "--help" not in line:
            arguments += ["--set", "train.epochs=1"]
        arguments = ["-m", "zoo", *arguments]
    elif program != "python":
        pytest.fail(f"only zoo-cli and python are run here; mark the block as skipped: {line}")
    done = processes.run(*arguments, env={**os.environ, "COLUMNS": "120"}, merge=True, timeout=600)
    return done.returncode, done.stdout


def first_missing(shown: str, output: str) -> str | None:
    """Return the first line shown that the output lacks; lines come in order, right after each other but for ``…``."""
    printed, anywhere = masked(output), True
    for line in masked(shown):
        if line in ("…", "..."):
            anywhere = True
            continue
        while anywhere and printed and not matches(line, printed[0]):
            printed.pop(0)
        if not printed or not matches(line, printed.pop(0)):
            return line
        anywhere = False
    return None


def matches(shown: str, printed: str) -> bool:
    """Compare a line; ``…`` in it stands for any text."""
    pattern = ".*".join(re.escape(part.strip()) for part in shown.split("…"))
    return re.fullmatch(pattern, printed) is not None


def masked(text: str) -> list[str]:
    """Return the lines that hold something, with numbers and runs of spaces made alike."""
    lines = (" ".join(NUMBER.sub("#", line).split()) for line in text.splitlines())
    return [line for line in lines if line]


EVALUATORS = {
    "python": PythonEvaluator(),
    "yaml": check_fragment,
    "bash": run_commands,
    "console": run_transcript,
    "json": check_json,
    "text": show,
    "bibtex": show,
}
