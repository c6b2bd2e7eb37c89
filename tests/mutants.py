"""Mutants of a module: what is changed in its source, and how a process that has imported it takes the change over."""

from __future__ import annotations

import ast
import copy
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "sum": "mean", "mean": "sum", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """One change of a module."""

    path: Path
    lines: range
    """The lines of its statement up to the change."""
    text: str
    what: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.path}:{self.lines[-1]}: {self.what}: {self.text}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a module."""
    source = path.read_text(encoding="utf-8")
    lines, tree = source.splitlines(), ast.parse(source)
    inert = {id(part) for node in ast.walk(tree) for part in _inert(node)}
    begins: dict[int, int] = {}
    for node in ast.walk(tree):  # parents come before their children
        if isinstance(node, (ast.stmt, ast.match_case)):
            begins[id(node)] = getattr(node, "lineno", 0)
        for child in ast.iter_child_nodes(node):
            begins[id(child)] = begins.get(id(node), 0)
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in inert:
            continue
        for what, change in _changes(node):
            mutant = copy.deepcopy(tree)
            change(next(found for number, found in enumerate(ast.walk(mutant)) if number == index))
            line = node.lineno  # type: ignore[attr-defined]
            yield Mutant(
                path,
                range(min(begins[id(node)], line), line + 1),
                lines[line - 1].strip(),
                what,
                ast.fix_missing_locations(mutant),
            )


def _inert(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in annotations, which nothing computes with, and in messages."""
    for field in ("annotation", "returns"):
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            yield from ast.walk(value)
    if isinstance(node, (ast.JoinedStr, ast.Raise)):
        yield from ast.walk(node)
    if isinstance(node, ast.keyword) and node.arg in ("stacklevel", "strict", "validate_args"):  # checks
        yield from ast.walk(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], None]]]:
    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in SWAPS:
        new = SWAPS[type(node.op)]
        yield f"{type(node.op).__name__} → {new.__name__}", lambda twin: setattr(twin, "op", new())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        other = SWAPS[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} → {other.__name__}", lambda twin: twin.ops.__setitem__(0, other())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "−x → x", lambda twin: setattr(twin, "op", ast.UAdd())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} → {node.value + 1}", lambda twin: setattr(twin, "value", twin.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} → {not node.value}", lambda twin: setattr(twin, "value", not twin.value)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)) and not isinstance(node.test, ast.Constant):
        yield "if x → if not x", lambda twin: setattr(twin, "test", ast.UnaryOp(op=ast.Not(), operand=twin.test))
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        # A name of a library, such as ``torch.sum``, or a method; Python has no mean.
        if name in NAMES and not (isinstance(node.func, ast.Name) and name in ("sum", "mean")):
            field = "attr" if isinstance(node.func, ast.Attribute) else "id"
            yield f"{name} → {NAMES[name]}", lambda twin: setattr(twin.func, field, NAMES[name])


def _parts(code: types.CodeType) -> list[types.CodeType]:
    return [part for part in code.co_consts if isinstance(part, types.CodeType)]


def _itself(code: types.CodeType) -> types.CodeType:
    """Return the code without the functions and classes in it."""
    return code.replace(co_consts=tuple(part for part in code.co_consts if not isinstance(part, types.CodeType)))


def exchanged(
    before: types.CodeType, after: types.CodeType, live: dict[types.CodeType, list[types.FunctionType]]
) -> dict[types.CodeType, types.CodeType] | None:
    """Return what to exchange for a mutant, or ``None`` when functions alone cannot make it."""
    if before == after:
        return {}
    if before in live:
        return {before: after} if before.co_freevars == after.co_freevars else None
    if _itself(before) != _itself(after) or len(_parts(before)) != len(_parts(after)):
        return None
    found: dict[types.CodeType, types.CodeType] = {}
    for old, new in zip(_parts(before), _parts(after), strict=True):
        part = exchanged(old, new, live)
        if part is None:
            return None
        found |= part
    return found


Value = tuple[str, str, str]
"""Where a value outside of functions stands, ``Class.function`` or ``Class`` or nothing; its name; its expression."""


def assigned(before: list[ast.stmt], after: list[ast.stmt], place: str = "") -> list[Value] | None:
    """Return the values that a mutant assigns outside of functions, or ``None`` when it changes anything else."""
    found: list[Value] = []
    for old, new in zip(before, after, strict=True):
        if ast.dump(old) == ast.dump(new):
            continue
        inner = f"{place}.{getattr(new, 'name', '')}".lstrip(".")
        if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
            part = assigned(old.body, new.body, inner)
            if not part:
                return None
            found += part
        elif isinstance(old, ast.FunctionDef) and isinstance(new, ast.FunctionDef):
            names = [each.arg for each in new.args.kwonlyargs]
            found += [
                (inner, name, ast.unparse(other))
                for name, one, other in zip(names, old.args.kw_defaults, new.args.kw_defaults, strict=True)
                if one is not None and other is not None and ast.dump(one) != ast.dump(other)
            ]
        elif isinstance(new, (ast.Assign, ast.AnnAssign)) and new.value is not None:
            targets = new.targets if isinstance(new, ast.Assign) else [new.target]
            found.append((place, ast.unparse(targets[0]), ast.unparse(new.value)))
    return found or None


def evaluate(value: Value, whole: str) -> tuple[types.ModuleType, Any]:
    """Return the module of a path, and what the expression is in it."""
    module = next(each for each in list(sys.modules.values()) if getattr(each, "__file__", None) == whole)
    return module, eval(value[2], vars(module))


def can_assign(values: list[Value] | None, whole: str) -> bool:
    """Whether values can be had without importing the module anew."""
    try:
        return bool(values) and all(evaluate(value, whole) for value in values or ())
    except Exception:  # a name of the class, or no module yet
        return False


def assign(value: Value, whole: str, functions: list[types.FunctionType]) -> None:
    """Assign a value in the module of a path as a mutant would have when it was imported."""
    place, names, _ = value
    module, result = evaluate(value, whole)
    for function in functions:
        if function.__code__.co_filename == whole and function.__qualname__ == place and function.__kwdefaults__:
            function.__kwdefaults__[names] = result
    owner: Any = module
    for part in place.split(".") if place else ():
        owner = getattr(owner, part)
    if not callable(owner) or isinstance(owner, type):
        several = [name.strip() for name in names.strip("()").split(",")]
        for name, each in zip(several, result if len(several) > 1 else [result], strict=True):
            setattr(owner, name, each)
