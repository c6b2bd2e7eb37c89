"""Read a component's docstring and options from its source text, without importing it or torch."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ComponentError
from zoo.registry import DISTRIBUTION, SCRIPT, WIRING, Source, find_component


@dataclass(frozen=True)
class Option:
    """One option of a component: its name, its type and its default as the source writes them."""

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class Description:
    """What there is to know of a component before it is used."""

    source: Source
    path: Path | None
    doc: str
    options: tuple[Option, ...]

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return " ".join(self.doc.split("\n\n")[0].split())


def describe_component(source: Source) -> Description:
    """Return the description of one component; only if its source cannot be read is it imported."""
    path = _path(source)
    definition = _definition(path, source) if path else None
    if definition is None:
        definition = _imported_definition(source)
    doc = ast.get_docstring(definition) or ""
    return Description(source, path, doc, tuple(_options(definition)))


def _path(source: Source) -> Path | None:
    relative = Path(*source.module.split(".")).with_suffix(".py")
    if source.distribution == DISTRIBUTION:
        return Path(__file__).parent.parent / relative
    if source.distribution == SCRIPT:
        return None
    located = Path(str(importlib.metadata.distribution(source.distribution).locate_file(relative)))
    return located if located.is_file() else None


def _definition(path: Path, source: Source) -> ast.ClassDef | None:
    """Return the class with the decorator ``@register(kind, name)``."""
    for node in _parse(path).body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(call, ast.Call)
            and [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
            == [source.kind, source.name]
            for call in node.decorator_list
        ):
            return node
    return None


def _imported_definition(source: Source) -> ast.ClassDef:
    component = find_component(source.kind, source.name)
    definition = ast.parse(inspect.cleandoc(inspect.getsource(component))).body[0]
    if not isinstance(definition, ast.ClassDef):
        raise ComponentError(f"{source} is not a class", where=f"{source.kind} {source.name!r}")
    return definition


@functools.cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _options(definition: ast.ClassDef) -> Iterator[Option]:
    constructors = (n for n in definition.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    for constructor in constructors:
        arguments = constructor.args
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if argument.arg not in WIRING:
                annotation = ast.unparse(argument.annotation) if argument.annotation else "Any"
                yield Option(argument.arg, annotation, None if default is None else ast.unparse(default))
