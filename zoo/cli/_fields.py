"""The fields of a recipe with path, type, default and meaning, for listings and for suggestions."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from zoo.cli._options import SetOption

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_NESTED = ("train", "data", "model", "evaluate", "init", "augment", "schedule", "early_stopping")
"""Fields whose own fields are listed below them."""


@dataclass(frozen=True)
class RecipeField:
    """A field of a recipe."""

    path: str
    type: str
    default: str | None
    meaning: str

    def facts(self) -> dict[str, Any]:
        """Return the field as plain data, for JSON."""
        return {
            "kind": "field",
            "name": self.path,
            "type": self.type,
            "default": self.default,
            "text": self.meaning,
        }


def recipe_fields() -> dict[str, RecipeField]:
    """Return the fields of a recipe by their path, such as ``train.epochs``."""
    from zoo.spec.recipe import Recipe

    return {field.path: field for field in _fields_of(Recipe, "")}


def _fields_of(schema: type[BaseModel], prefix: str) -> Iterator[RecipeField]:
    for name, field in schema.model_fields.items():
        path = f"{prefix}.{name}" if prefix else name
        yield RecipeField(path, _words(field.annotation, field), _default(field), field.description or "")
        inner = _inner(field.annotation)
        if inner is not None and name in _NESTED:
            yield from _fields_of(inner, path)


def _inner(annotation: Any) -> type[BaseModel] | None:
    from pydantic import BaseModel

    for each in (annotation, *typing.get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _words(annotation: Any, field: FieldInfo | None = None) -> str:
    """Return the type of a field in words."""
    from pydantic import BaseModel

    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin is typing.Annotated:
        return _words(arguments[0])
    if origin in (tuple, list):
        return f"list of {_words(arguments[0])}" if arguments else "list"
    if origin is dict:
        return f"mapping of {_words(arguments[1])}"
    if arguments:
        return " | ".join(_words(each) for each in arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "name or mapping" if "name" in annotation.model_fields else "mapping"
    words = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "Any": "value"}
    name = getattr(annotation, "__name__", str(annotation))
    bounds = [
        f"{sign} {limit}"
        for each in (field.metadata if field else ())
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if (limit := getattr(each, attribute, None)) is not None
    ]
    return ", ".join([words.get(name, name), *bounds])


def _default(field: FieldInfo) -> str | None:
    """Return the default as it is written in a recipe, or None for a required field."""
    from pydantic import BaseModel

    if field.is_required():
        return None
    value = field.default
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_none=True)
        inner = ", ".join(f"{name}: {entry}" for name, entry in given.items())
        return str(given["name"]) if set(given) == {"name"} else "{" + inner + "}"
    if value is None:
        return "null"
    return "[]" if value == () else str(value).lower() if isinstance(value, bool) else str(value)


def field_for(error: click.NoSuchOption) -> str:
    """Return a sentence that names the field that was probably meant by an unknown option, or an empty text."""
    sections = _sections(error.ctx)
    if not sections:
        return ""
    path = _path_of(error.option_name.lstrip("-").replace("-", "_").lower(), sections)
    return f"\nA field of the recipe is set with `--set {path}=…`." if path else ""


def set_for(error: click.ClickException) -> str:
    """Return a sentence that suggests ``--set`` for an unexpected argument KEY=VALUE, or an empty text."""
    if not isinstance(error, click.UsageError) or not _sections(error.ctx):
        return ""
    found = re.search(r"unexpected extra arguments? \(([\w.]+)=([^\s)]*)", error.message)
    if found is None:
        return ""
    path = _path_of(found[1], _sections(error.ctx)) or found[1]
    return f"\nA field of the recipe is set with `--set {path}={found[2]}`."


def _path_of(name: str, sections: tuple[str, ...]) -> str | None:
    """Return the section of this name, or the path of the field whose last part equals or resembles the name."""
    from zoo.errors import nearest

    paths = [path for path in (*recipe_fields(), "train.optimizer.lr") if path.startswith(sections)]
    if name in {path.partition(".")[0] for path in paths}:
        return name
    last = {path.rpartition(".")[2]: path for path in reversed(paths)}
    return last.get(name) or last.get(nearest(name, last, 0.8).partition("'")[2].partition("'")[0])


def _sections(context: click.Context | None) -> tuple[str, ...]:
    """Return the sections of the recipe that a command's option ``--set`` can set; none without that option."""
    parameters = context.command.params if context else []
    return tuple(each for parameter in parameters if isinstance(parameter, SetOption) for each in parameter.sections)
