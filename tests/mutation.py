"""Mutation testing: change one operator or number of a module at a time, and see whether its tests notice.

    python -m tests.mutation zoo/divergences.py tests/test_divergences.py

Each mutant is a forked process, in which torch is loaded already and the package is not. Mutants that survive are
printed with their line: a test is missing, or the change makes no difference, which `docs/reliability.md` explains.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.machinery
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield the line, what is changed, and the changed module, one change at a time."""
    tree = ast.parse(source)
    inert = {id(part) for node in ast.walk(tree) for part in _inert(node)}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in inert:
            continue
        for what, change in _changes(node):
            mutant = copy.deepcopy(tree)
            twin = next(found for number, found in enumerate(ast.walk(mutant)) if number == index)
            change(twin)
            yield getattr(node, "lineno", 0), what, ast.fix_missing_locations(mutant)


def _inert(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in annotations, which nothing computes with, and in messages."""
    for field in ("annotation", "returns"):
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            yield from ast.walk(value)
    if isinstance(node, (ast.JoinedStr, ast.Raise)):
        yield from ast.walk(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in SWAPS:
        new = SWAPS[type(node.op)]
        yield f"{type(node.op).__name__} → {new.__name__}", lambda twin: setattr(twin, "op", new())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        other = SWAPS[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} → {other.__name__}", lambda twin: twin.ops.__setitem__(0, other())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        plus = ast.UAdd if isinstance(node.op, ast.USub) else None
        if plus is not None and not isinstance(node.operand, ast.Constant):
            yield "−x → x", lambda twin: setattr(twin, "op", plus())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} → {node.value + 1}", lambda twin: setattr(twin, "value", twin.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} → {not node.value}", lambda twin: setattr(twin, "value", not twin.value)
    if isinstance(node, (ast.If, ast.IfExp)):
        yield (
            "if x → if not x",
            lambda twin: setattr(twin, "test", ast.UnaryOp(op=ast.Not(), operand=twin.test)),
        )


def survives(module: Path, mutant: ast.Module, tests: list[str], seconds: float) -> bool:
    """Whether the tests pass with a mutant in the place of a module."""
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        plain = importlib.machinery.SourceFileLoader.get_code

        def get_code(loader: Any, fullname: str) -> Any:
            if Path(loader.path).resolve() == module.resolve():
                return compile(mutant, str(module), "exec")
            return plain(loader, fullname)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        status = 1
        try:
            status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests])
        finally:
            os._exit(int(status))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> None:
    """Try all mutants of a module, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="try every N-th mutant alone")
    parser.add_argument("--seconds", type=float, default=300, help="longest time of the tests; a mutant may hang")
    options = parser.parse_args()
    import torch.distributions

    del torch
    lines = options.module.read_text().splitlines()
    if not survives(options.module, ast.parse(options.module.read_text()), options.tests, options.seconds):
        sys.exit("the tests fail without a mutant")
    found = list(mutants(options.module.read_text()))[:: options.every]
    alive = 0
    for line, what, mutant in found:
        if survives(options.module, mutant, options.tests, options.seconds):
            alive += 1
            sys.stdout.write(f"{options.module}:{line}: {what}: {lines[line - 1].strip()}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{options.module}: {len(found)} mutants, {alive} survive\n")


if __name__ == "__main__":
    main()
