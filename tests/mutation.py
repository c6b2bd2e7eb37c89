"""Mutation testing: change one operator, number or condition at a time, and see whether the tests notice.

    python -m tests.mutation zoo/checkpoints tests/checkpoints
    python -m tests.mutation zoo/divergences.py tests/test_divergences.py

The tests are collected once and run once, which tells those that reach each line. Every mutant is then a forked
process in which the code of one function is exchanged, and in which the tests that reach it run until one fails. A
change outside of functions needs the package anew, and takes longer. Mutants that survive are printed with their
line: a test is missing, or ``tests/survivors.txt`` explains why the change makes no difference that a test should see.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import gc
import importlib
import importlib.machinery
import os
import pickle
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.mutants import Mutant, Value, assign, assigned, can_assign, exchanged, mutants

MEMORY = 24 * 2**30
"""The most address space that a mutant may take: one that checks no sizes would take the machine's."""
UNREACHED = "  [no test reaches it]"
EXPLAINED = Path(__file__).with_name("survivors.txt")


class Trial:
    """A plug-in of pytest that runs the tests for each mutant, rather than once."""

    def __init__(self, modules: list[Path], options: argparse.Namespace, report: Any) -> None:
        self.modules, self.options, self.report = modules, options, report
        self.seconds: dict[str, float] = {}
        self.reach: dict[tuple[Path, int], list[str]] = {}
        self.later: list[tuple[int, list[str]]] = []
        self.alive: list[int] = []
        self.failed = "pytest did not begin: do the tests pass without a mutant?"

    def pytest_collection(self) -> None:
        """Look for no smaller example: that a test fails is enough."""
        from hypothesis import Phase, settings

        settings.register_profile("mutation", settings(), phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant in a process of its own."""
        self.measure(session)
        if not self.failed:
            self.failed = "pytest broke off"
            self.try_all(session)
            self.failed = ""
        return True

    def measure(self, session: pytest.Session) -> None:
        """Run the tests as they are; note how long each takes, and which lines it reaches."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "reach"
            child = os.fork()
            if child == 0:
                with _ending():
                    self._measure(session, file)
            os.waitpid(child, 0)
            if not file.exists():
                self.failed = "a test fails without a mutant"
                return
            self.seconds, self.reach, self.failed, loaded = pickle.loads(file.read_bytes())
        for name in loaded:  # what tests import late, such as the half of torch behind ``torch.testing``, once for all
            if name.partition(".")[0] not in ("tests", "coverage") and name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    def _measure(self, session: pytest.Session, file: Path) -> None:
        import coverage

        watch = coverage.Coverage(
            data_file=None, config_file=False, include=[str(path.resolve()) for path in self.modules]
        )
        watch.start()
        seconds, failed = {}, ""
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            watch.switch_context(item.nodeid)
            begin = time.monotonic()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = time.monotonic() - begin
            if session.testsfailed:
                failed = f"{item.nodeid} fails without a mutant"
                break
        watch.stop()
        data = watch.get_data()
        reach = {}
        for path in self.modules:
            for line, contexts in data.contexts_by_lineno(str(path.resolve())).items():
                reach[path, line] = [context for context in contexts if context]
        file.write_bytes(pickle.dumps((seconds, reach, failed, list(sys.modules))))

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach a mutant, the fast ones first."""
        return self._bounded({name for line in mutant.lines for name in self.reach.get((mutant.path, line), ())})

    def tests_of_module(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach anything of a module."""
        return self._bounded({name for (path, _), found in self.reach.items() if path == mutant.path for name in found})

    def _bounded(self, names: set[str]) -> list[str]:
        kept: list[str] = []
        total = 0.0
        for name in sorted(names, key=lambda name: self.seconds[name]):
            total += self.seconds[name]
            if kept and total > self.options.seconds:
                break
            kept.append(name)
        return kept

    def try_all(self, session: pytest.Session) -> None:
        """Try the mutants of functions; keep the others for later."""
        functions = [found for found in gc.get_objects() if type(found) is types.FunctionType]
        gc.freeze()
        for path in self.modules:
            whole = str(path.resolve())
            live: dict[types.CodeType, list[types.FunctionType]] = {}
            for function in functions:
                if os.path.realpath(function.__code__.co_filename) == whole:
                    live.setdefault(function.__code__, []).append(function)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            before = compile(tree, whole, "exec")
            for number, mutant in enumerate(self.options.found):
                if mutant.path != path:
                    continue
                change = exchanged(before, compile(mutant.tree, whole, "exec"), live)
                values = assigned(tree.body, mutant.tree.body) if change is None else None
                if change is None and not can_assign(values, whole):
                    self.later.append((number, self.tests_of_module(mutant)))
                elif change == {}:
                    self.alive.append(number)
                else:
                    names = self.tests_of_module(mutant) if values else self.tests_of(mutant)

                    work = functools.partial(self._passes, session, names, change or {}, values or [], live, whole)
                    if not names or survives(work, 60 + 10 * sum(self.seconds[name] for name in names)):
                        self.alive.append(number)
                        self.report(f"{mutant}{'' if names else UNREACHED}")

    def _passes(
        self,
        session: pytest.Session,
        names: list[str],
        change: dict[types.CodeType, types.CodeType],
        values: list[Value],
        live: dict[types.CodeType, list[types.FunctionType]],
        whole: str,
    ) -> bool:
        """Make the change in this process, and return whether the tests pass."""
        for value in values:
            assign(value, whole, [function for found in live.values() for function in found])
        for old, new in change.items():
            for function in live[old]:
                function.__code__ = new
        items = {item.nodeid: item for item in session.items}
        for name, following in zip(names, [*names[1:], None], strict=True):
            after = items[following] if following else None
            items[name].config.hook.pytest_runtest_protocol(item=items[name], nextitem=after)
            if session.testsfailed:
                return False
        return True


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """End the process after this, without what pytest does at its end."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(0)


def survives(work: Callable[[], bool], seconds: float) -> bool:
    """Whether the tests pass in a process of their own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    pause = 0.002
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        os.waitpid(child, os.WNOHANG)
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def run_anew(mutant: Mutant, names: list[str], arguments: list[str]) -> bool:
    """Import the package with a mutant in the place of a module, and return whether the tests pass."""
    plain, whole = importlib.machinery.SourceFileLoader.get_code, mutant.path.resolve()

    def get_code(loader: Any, fullname: str) -> Any:
        if Path(loader.path).resolve() == whole:
            return compile(mutant.tree, str(whole), "exec")
        return plain(loader, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    _silence()
    return pytest.main(["-x", *arguments, *names]) == 0


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _without_place(line: str) -> str:
    """Return what names a mutant, also after lines were added above it."""
    return re.sub(r":\d+:", ":", line.removesuffix(UNREACHED), count=1)


def explanations() -> dict[tuple[str, str, str], str]:
    """Read why mutants survive: by path, change, and the text of the line."""
    found = {}
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        if line.count(" | ") >= 3 and not line.startswith("#"):
            path, what, rest = line.split(" | ", 2)
            text, reason = rest.rsplit(" | ", 1)  # the text of a line may hold a bar itself
            found[path, what, text] = reason
    return found


def main() -> None:
    """Try all mutants of modules, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", help="modules or folders of the package, then test files or folders")
    parser.add_argument("--every", type=int, default=1, help="try every N-th mutant alone")
    parser.add_argument("--only", default="", help="try the mutants of lines with this text alone")
    parser.add_argument("--again", type=Path, help="try the mutants that this saved output names alone")
    parser.add_argument("--seconds", type=float, default=20, help="longest time of the tests for one mutant")
    parser.add_argument("-k", default="", help="as of pytest")
    options = parser.parse_args()
    modules = [
        found
        for path in map(Path, options.paths)
        if path.parts[0] != "tests"
        for found in (sorted(path.rglob("*.py")) if path.is_dir() else [path])
    ]
    tests = [path for path in options.paths if Path(path).parts[0] == "tests"]
    options.found = [mutant for path in modules for mutant in mutants(path) if options.only in mutant.text]
    options.found = options.found[:: options.every]
    if options.again:
        named = {_without_place(line) for line in options.again.read_text(encoding="utf-8").splitlines()}
        options.found = [mutant for mutant in options.found if _without_place(str(mutant)) in named]
    import torch.distributions

    del torch
    screen = os.fdopen(os.dup(1), "w")

    def report(text: str) -> None:
        screen.write(text + "\n")
        screen.flush()

    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "", f"--basetemp={folder}/tmp"]
        file = Path(folder) / "found"
        child = os.fork()
        if child == 0:
            trial = Trial(modules, options, report)
            with _ending():
                _silence()
                pytest.main([*arguments, *(["-k", options.k] if options.k else []), *tests], plugins=[trial])
                file.write_bytes(pickle.dumps((trial.later, trial.alive, trial.failed)))
        os.waitpid(child, 0)
        if not file.exists():
            sys.exit("pytest ended without a result: do the tests pass without a mutant?")
        later, alive, failed = pickle.loads(file.read_bytes())
        if failed:
            sys.exit(failed)
        for number, names in later:
            mutant = options.found[number]
            if not names or survives(lambda m=mutant, n=names: run_anew(m, n, arguments), 60 + 5 * options.seconds):
                alive.append(number)
                report(f"{mutant}{'' if names else UNREACHED}")
    known, left = explanations(), 0
    for path in modules:
        of_path = [number for number, mutant in enumerate(options.found) if mutant.path == path]
        survivors = [options.found[number] for number in of_path if number in alive]
        open_ones = [found for found in survivors if (str(path), found.what, found.text) not in known]
        left += len(open_ones)
        if of_path:
            report(
                f"{path}: {len(of_path)} mutants, {len(survivors)} survive, "
                f"of which {len(survivors) - len(open_ones)} are explained"
            )
    report(
        f"{len(options.found)} mutants, {len(options.found) - len(alive)} killed, {len(alive) - left} explained, "
        f"{left} neither"
    )
    sys.exit(left > 0)


if __name__ == "__main__":
    main()
