"""Every command on a full disk, without permission, on a read-only file system, and with closed or full streams.

The commands and their parameters are taken from the command line itself, so a new command is tested by being there:
``python -m tests.hostile.matrix`` tries a full disk at every change that a command makes, ``--most 4`` at four of them.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import huggingface_hub
import torch
from huggingface_hub import constants

import zoo
from tests.hostile.changes import GROWING, Changes, React, fail_from, forked
from tests.hostile.conftest import QUICK
from tests.hostile.hub_door import TOKEN, speak_to
from tests.hub.server import Account, HubServer
from zoo.cli import cli, main

SETTINGS = [word for setting in QUICK for word in ("--set", setting)]
ARGUMENTS: dict[str, list[str]] = {
    "model": ["run"],
    "models": ["run", "vae-mlp-2d.digits"],
    "recipe": ["digits", *SETTINGS],
    "repo": ["ada/digits"],
    "prior": ["mixture"],
    "name": ["vae-mlp-2d"],
    "figures": ["loss"],
}
"""What is passed for an argument of this name."""
OPTIONS: dict[str, list[str]] = {
    "metrics": ["--metric", "mse"],
    "count": ["--count", "4"],
    "to": ["--to", "pulled"],
    "dry_run": ["--dry-run"],
    "quiet": ["--quiet"],
    "grid": ["--grid", "model.objective.beta=2"],
}
"""What is passed where a command has an option of this name; a required option must be here."""
SUFFIXES = ("", ".csv", ".npz", ".html", ".onnx", ".pt2")
"""What ``--out`` may end in; the first that a command takes is used."""


class Ended(NamedTuple):
    """How a command ended, the files that there are then, by path, and the modules that it had imported."""

    status: int
    out: str
    err: str
    files: dict[str, bytes]
    modules: tuple[str, ...] = ()


def commands() -> list[str]:
    """Return the names of all commands."""
    return cli.list_commands(click.Context(cli))


def words_of(name: str, suffix: str) -> list[str]:
    """Return a command with all that it requires, and with ``--out`` if it has that."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    words = [name]
    for parameter in command.params:
        key = str(parameter.name)
        if isinstance(parameter, click.Argument):
            words += ARGUMENTS[key] if parameter.required or key == "figures" else []
        elif key == "out":
            words += ["--out", f"out{suffix}"]
        elif key in OPTIONS:
            words += OPTIONS[key]
        elif parameter.required:
            raise KeyError(f"{name}: add what the option {parameter.opts[0]} takes to OPTIONS in {__file__}")
    return words


def undisturbed(name: str, start: Path) -> tuple[list[str], Ended]:
    """Return a command that succeeds, where there is one, and its end."""
    for suffix in SUFFIXES:
        words = words_of(name, suffix)
        ended = tried(words, start)
        if ended.status != 2:
            break
    return words, ended


def tried(
    words: list[str], start: Path, react: React | None = None, streams: Callable[[], object] | None = None
) -> Ended:
    """Give a command in a copy of a folder, in a forked process."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(start, Path(temporary) / "work"))
        out, err, modules = (Path(temporary) / name for name in ("out", "err", "modules"))

        def work() -> None:
            enter(folder, out, err)
            if streams is not None:
                streams()
            if react is not None:
                Changes(folder, react).install()
            sys.argv = ["zoo-cli", *words]
            try:
                main()
            finally:
                modules.write_text("\n".join(sys.modules))

        status = forked(work)
        imported = tuple(modules.read_text().split("\n")) if modules.exists() else ()
        return Ended(status, out.read_text(), err.read_text(), contents(folder), imported)


def enter(folder: Path, out: Path, err: Path) -> None:
    """Let this process work in a folder, with the Hub's cache in it, and print into two files."""
    os.chdir(folder)
    constants.HF_HOME, constants.HF_HUB_CACHE = str(folder / "home"), str(folder / "home" / "cache")
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT, 0o600), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT, 0o600), 2)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder but locks, and empty content for directories and what is no file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if path.name != "lock"
    }


def growing(words: list[str], start: Path) -> list[int]:
    """Return the numbers of the changes of a command that need room on the disk."""
    with tempfile.TemporaryDirectory() as temporary:
        note = Path(temporary) / "numbers"

        def react(number: int, kind: str, path: str) -> None:
            if kind in GROWING:
                with note.open("a") as file:
                    file.write(f"{number}\n")

        note.touch()
        tried(words, start, react)
        return [int(line) for line in note.read_text().split()]


def wrong(ended: Ended, good: Ended, start: dict[str, bytes], *, must_fail: bool) -> str:
    """Say what is wrong with the end of a command that could not write; empty if nothing is."""
    if "Traceback" in ended.err or "Exception ignored" in ended.err:
        return f"a traceback: {ended.err}"
    if ended.status not in ((1,) if must_fail else (0, 1)):
        return f"exit status {ended.status}: {ended.err}"
    if must_fail and (ended.err.count("Error: ") != 1 or len(ended.err.split("Error: ")[1].splitlines()) > 4):
        return f"not one message: {ended.err!r}"
    for path, content in start.items():
        if ended.files.get(path) not in (content, good.files.get(path)):
            return f"{path} is neither as before nor as it would be afterwards"
    for path, content in ended.files.items():
        if path.startswith("out") and "/" not in path and path not in start and content != good.files.get(path):
            return f"{path} is not whole"
    left = [path for path in ended.files if path.endswith(".partial")]
    return f"left behind: {left[0]}" if left else ""


def no_room(words: list[str], good: Ended, start: Path, most: int) -> Iterator[tuple[str, str]]:
    """Yield each case in which a command cannot write, and what is wrong with its end."""
    before, numbers = contents(start), growing(words, start)
    step = max(1, -(-len(numbers) // most)) if most else 1
    # From the last, the middle of a write: a file that is not written whole shows there, and not at its opening.
    for number in numbers[::-1][::step]:
        ended = tried(words, start, fail_from(number, errno.ENOSPC))
        yield f"a full disk at change {number}", wrong(ended, good, before, must_fail=True)
    if numbers:
        kinds = GROWING - {"write", "middle of a write"} | {"os.rename", "os.remove", "os.rmdir", "os.chmod"}
        for code, what in ((errno.EACCES, "no permission"), (errno.EROFS, "a read-only file system")):
            ended = tried(words, start, fail_from(1, code, kinds))
            yield what, wrong(ended, good, before, must_fail=True)
            changed = ended.files != before
            yield f"{what}: nothing changes", "files differ" if changed else ""


def bad_streams(words: list[str], good: Ended, start: Path, *, quick: bool) -> Iterator[tuple[str, str]]:
    """Yield each case of streams that are closed or full, and what is wrong with the end of the command."""
    before = contents(start)

    def closed(*numbers: int) -> Callable[[], None]:
        def close() -> None:
            for number in numbers:
                os.close(number)
                setattr(sys, ("stdin", "stdout", "stderr")[number], None)  # as Python has them when it starts so

        return close

    def full(number: int) -> Callable[[], object]:
        return lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), number)

    cases = {
        "no standard input": closed(0),
        "no standard output": closed(1),
        "no standard error": closed(2),
        "no streams": closed(0, 1, 2),
        "a full standard error": full(2),
    }
    for what, streams in {"no streams": cases["no streams"]}.items() if quick else cases.items():
        ended = tried(words, start, streams=streams)
        problem = wrong(ended, good, before, must_fail=False)
        failed = ended.status != 0 and not (what == "a full standard error" and good.err)
        yield what, problem or (f"exit status {ended.status}" if failed else "")
    ended = tried(words, start, streams=full(1))
    yield "a full standard output", wrong(ended, good, before, must_fail=bool(good.out))


def started(root: Path) -> Path:
    """Return a folder with a finished run, in which commands are given; what is loaded meanwhile stays loaded.

    The run is on a Hub of this machine, too, which answers as long as the process lives.
    """
    os.environ.setdefault("XDG_CACHE_HOME", str(root / "cache"))
    (root / "start").mkdir()
    run = zoo.train("digits", out=root / "start" / "run", overrides=QUICK)
    speak_to(HubServer(accounts={TOKEN: Account("ada")}).start(), root / "home")
    zoo.push(run, *ARGUMENTS["repo"])
    huggingface_hub.close_session()  # a fork must not speak through the connection of another
    return root / "start"


def be_quick() -> None:
    """Let reports draw two figures and a coarse map: every case makes a whole page."""
    from zoo.report import page

    page.drawn_figures = functools.partial(page.drawn_figures, figures=["loss", "samples"])
    page._EXPLORER_BUDGETS = (60_000, 60_000)


def import_here(modules: Iterable[str]) -> None:
    """Import what a command imported in its fork, so that its other forks need not."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # some are made by others, under names that cannot be imported
                importlib.import_module(name)


def failures(names: list[str], most: int, *, quick: bool = False) -> Iterator[str]:
    """Yield a line for each case that ends wrongly, and one for each command with the number of its cases."""
    with tempfile.TemporaryDirectory() as temporary:
        start = started(Path(temporary))
        if quick:
            be_quick()
        for name in names:
            words, good = undisturbed(name, start)
            if good.status != 0:
                yield f"{name}: {words} ended with {good.status}: {good.err}"
                continue
            if quick:
                import_here(good.modules)
            cases = [*no_room(words, good, start, most), *bad_streams(words, good, start, quick=quick)]
            for what, problem in cases:
                if problem:
                    yield f"{name}, {what}: {problem}"
            right = sum(not problem for _, problem in cases)
            yield f"{name}: {right} of {len(cases)} cases end in one message, with the files of before whole"


def run() -> None:
    """Try all commands; exit with 1 if any ends wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=0, help="try a full disk at so many changes at most; 0: at all")
    parser.add_argument("--quick", action="store_true", help="close all streams at once, and import only once")
    parser.add_argument("command", nargs="*", help="[default: all]")
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork hangs in torch's threads, which it does not inherit
    bad = False
    for line in failures(options.command or commands(), options.most, quick=options.quick):
        bad = bad or "cases end in" not in line
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.exit(bad)


if __name__ == "__main__":
    run()
