"""Reads the docstring and options of a component from its source code, without importing it or torch."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.registry import DISTRIBUTION, KINDS, Source, find_component

_WORDS = {
    "PositiveInt": "int ≥ 1",
    "NonNegativeInt": "int ≥ 0",
    "PositiveFloat": "float > 0",
    "NonNegativeFloat": "float ≥ 0",
    "Weight": "float | schedule",
    "NonNegativeWeight": "float ≥ 0 | schedule",
    "Duration": "{epochs: N} | {steps: N}",
    "WeightSchedule": "{name: NAME, start: A, end: B, over: {epochs: N}}",
    "ComponentSpec": "{name: NAME, OPTION: VALUE}",
}
_BOUNDS = {
    "gt": "> {}",
    "ge": "≥ {}",
    "lt": "< {}",
    "le": "≤ {}",
    "min_length": "of {} or more",
    "max_length": "of {} at most",
}


@dataclass(frozen=True)
class Option:
    """An option of a component.

    Attributes:
        name: the name of the option.
        type: a description of its values, such as ``int ≥ 1``.
        default: its default, as written in the source code; None: the option is required.
    """

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class Description:
    """The documentation of a component.

    Attributes:
        source: where the component comes from.
        path: the file that defines it, if it was found.
        doc: its docstring.
        options: its options.
    """

    source: Source
    path: Path | None
    doc: str
    options: tuple[Option, ...]

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return " ".join(self.doc.split("\n\n")[0].split())


def describe_component(source: Source) -> Description:
    """Return the description of a component, which is imported only if its source code is not sufficient.

    Raises:
        ComponentError: it must be imported, and that fails.
    """
    path = _module_path(source.module, source.distribution)
    return (_written(source, path) if path else None) or _imported(source, path)


@functools.cache
def _written(source: Source, path: Path) -> Description | None:
    """Return the description of a component from its file; None if the file does not define it."""
    found = _definition(path, source)
    if found is None:
        return None
    definition, constructor = found
    options = tuple(_written_options(constructor, source))
    return Description(source, path, ast.get_docstring(definition) or "", options)


def _module_path(module: str, owner: str) -> Path | None:
    """Return the file of a module in a distribution or in this package, without importing it; None if not found."""
    parts = module.split(".")
    if owner == DISTRIBUTION or parts[0] == "zoo":
        return Path(__file__).parents[2].joinpath(*parts).with_suffix(".py")
    try:
        distribution = importlib.metadata.distribution(owner)
    except importlib.metadata.PackageNotFoundError:
        return None
    candidates = (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py"))
    located = (Path(str(distribution.locate_file(candidate))) for candidate in candidates)
    return next((path for path in located if path.is_file()), None)


def _definition(path: Path, source: Source) -> tuple[ast.ClassDef, ast.FunctionDef] | None:
    """Return the class with the decorator ``@register(kind, name)`` and its constructor, if the file contains both."""
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
        # The component is then imported, which reports the error.
        return ast.Module(body=[], type_ignores=[])


def _written_options(constructor: ast.FunctionDef, source: Source) -> Iterator[Option]:
    arguments = constructor.args
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.arg not in KINDS[source.kind].wiring:
            values = _in_words(argument.annotation, source) if argument.annotation else "Any"
            yield Option(argument.arg, values, None if default is None else ast.unparse(default))


def _in_words(annotation: ast.expr, source: Source) -> str:
    """Describe the values of an annotation: ``a | b`` for a Literal, ``float ≥ 0`` for a float with a Field."""
    match annotation:
        case ast.Subscript(ast.Name("Literal"), values):
            choices = values.elts if isinstance(values, ast.Tuple) else [values]
            return " | ".join(str(choice.value) if isinstance(choice, ast.Constant) else "…" for choice in choices)
        case ast.Subscript(ast.Name("Annotated"), ast.Tuple([inner, *facts])):
            keywords = [keyword for fact in facts if isinstance(fact, ast.Call) for keyword in fact.keywords]
            bounds = [
                _BOUNDS[keyword.arg].format(ast.unparse(keyword.value))
                for keyword in keywords
                if keyword.arg in _BOUNDS
            ]
            words = _in_words(inner, source)
            return ", ".join([f"{words} {bounds[0]}", *bounds[1:]]) if bounds else words
        case ast.Subscript(outer, inner):
            return f"{ast.unparse(outer)}[{_in_words(inner, source)}]"
        case ast.Tuple(parts):
            return ", ".join(_in_words(part, source) for part in parts)
        case ast.BinOp(left, ast.BitOr(), right):
            return f"{_in_words(left, source)} | {_in_words(right, source)}"
        case ast.Constant(None):
            return "null"
        case ast.Name(name) if name in _WORDS:
            return _WORDS[name]
        case ast.Name(name):
            meaning = _alias(name, source.module, source.distribution)
            return _in_words(meaning, source) if meaning else _fields(name, source) or name
    return ast.unparse(annotation)


def _fields(name: str, source: Source) -> str | None:
    """Return the fields of a model that the component's module defines, such as ``{name: str, width: int ≥ 1}``."""
    path = _module_path(source.module, source.distribution)
    for node in _parse(path).body if path else []:
        if isinstance(node, ast.ClassDef) and node.name == name:
            fields = [
                each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            ]
            words = (f"{ast.unparse(field.target)}: {_in_words(field.annotation, source)}" for field in fields)
            return "{" + ", ".join(words) + "}" if fields else None
    return None


def _alias(name: str, module: str, owner: str) -> ast.Subscript | None:
    """Return the type with brackets that a name in a module is an alias of, also if the module imports the name."""
    path = _module_path(module, owner)
    for node in _parse(path).body if path else []:
        match node:
            case ast.Assign([ast.Name(target)], ast.Subscript() as value) if target == name:
                return value
            case ast.ImportFrom(module=str(origin), names=names, level=0) if origin != module:
                for imported in names:
                    if (imported.asname or imported.name) == name:
                        return _alias(imported.name, origin, owner)
    return None


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
        if parameter.name not in KINDS[source.kind].wiring
    )
    return Description(source, path, inspect.getdoc(component) or "", options)
