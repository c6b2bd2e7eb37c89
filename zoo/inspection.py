"""Read a component's docstring and options from its source text, without importing it or torch."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.registry import DISTRIBUTION, WIRING, Source, find_component


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
    """Return the description of one component; only if its source text does not tell is it imported.

    Raises:
        ComponentError: it had to be imported, and that failed.
    """
    path = _path(source)
    found = _definition(path, source) if path else None
    if found is None:
        return _imported(source, path)
    definition, constructor = found
    return Description(source, path, ast.get_docstring(definition) or "", tuple(_written_options(constructor)))


def _path(source: Source) -> Path | None:
    parts = source.module.split(".")
    if source.distribution == DISTRIBUTION:
        return Path(__file__).parent.parent.joinpath(*parts).with_suffix(".py")
    try:
        distribution = importlib.metadata.distribution(source.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    candidates = (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py"))
    located = (Path(str(distribution.locate_file(candidate))) for candidate in candidates)
    return next((path for path in located if path.is_file()), None)


def _definition(path: Path, source: Source) -> tuple[ast.ClassDef, ast.FunctionDef] | None:
    """Return the class with the decorator ``@register(kind, name)`` and its constructor, if both are written there."""
    for node in _parse(path).body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(call, ast.Call)
            and [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
            == [source.kind, source.name]
            for call in node.decorator_list
        ):
            constructors = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
            return next(((node, constructor) for constructor in constructors), None)
    return None


@functools.cache
def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        # What is wrong with it is told by its import.
        return ast.Module(body=[], type_ignores=[])


def _written_options(constructor: ast.FunctionDef) -> Iterator[Option]:
    arguments = constructor.args
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.arg not in WIRING:
            annotation = ast.unparse(argument.annotation) if argument.annotation else "Any"
            yield Option(argument.arg, annotation, None if default is None else ast.unparse(default))


def _imported(source: Source, path: Path | None) -> Description:
    component = find_component(source.kind, source.name)
    parameters = list(inspect.signature(component.__init__).parameters.values())[1:]  # type: ignore[misc]
    options = tuple(
        Option(
            parameter.name,
            inspect.formatannotation(parameter.annotation).strip("'"),
            None if parameter.default is inspect.Parameter.empty else repr(parameter.default),
        )
        for parameter in parameters
        if parameter.name not in WIRING
    )
    return Description(source, path, inspect.getdoc(component) or "", options)
