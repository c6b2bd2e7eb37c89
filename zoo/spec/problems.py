"""Messages for validation errors: the field's path, the expected and the found value, and the nearest name."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from zoo.errors import cut, nearest
from zoo.registry import DISTRIBUTION, sources
from zoo.registry.inspection import describe_component
from zoo.spec.component import ComponentSpec
from zoo.spec.model import PARTS, kind_of_role
from zoo.utils.text import excerpt

_MOST = 5
"""The largest number of wrong fields in a message."""
_LONGEST_PATH, _LONGEST_PROBLEM = 200, 400
_ALIKE = 0.7
"""From this similarity on, a field is treated as misspelt rather than as misplaced."""
_SYNONYMS = {"learning_rate": "lr"}
"""Other common names of fields, for hints."""
_WRITTEN_AS_NAMES = {"ComponentSpec", "DataSpec", "ModelSpec", "ScheduleSpec"}

_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
}


_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("of at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("of at most", "le"),
}


class Problems(NamedTuple):
    """The problems of a document.

    Attributes:
        first: the path and the wording of the first problems.
        total: their number.
        remedy: for the first problem that has one.
    """

    first: list[tuple[str, str]]
    total: int
    remedy: str | None


def describe_problems(
    error: ValidationError, schema: type[BaseModel], where: str = "", also_valid: Iterable[str] = ()
) -> Problems:
    """Describe the first problems; an untrusted document may have very many.

    Args:
        where: the path of what was validated.
        also_valid: names that are valid in addition to the fields of ``schema``.
    """
    details = _merged(error.errors(include_url=False))
    first, valid = details[:_MOST], list(also_valid)
    problems = [(_join(where, detail["loc"]), cut(_problem(detail), _LONGEST_PROBLEM)) for detail in first]
    remedies = (_remedy(detail, schema, where, valid) for detail in first)
    return Problems(problems, len(details), next((remedy for remedy in remedies if remedy), None))


def _merged(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Keep one problem per path, because a union reports each of its members."""
    by_path: dict[tuple[Any, ...], ErrorDetails] = {}
    for detail in details:
        by_path.setdefault(tuple(part for part in detail["loc"] if not _is_type_name(part)), detail)
    return list(by_path.values())


def _is_type_name(part: Any) -> bool:
    # pydantic adds the member's type to the path of a union's error: `('scale', 'float')`, `('x', 'list[int]')`.
    return isinstance(part, str) and (part in {"int", "float", "str", "bool", "none"} or "[" in part)


def _join(where: str, location: tuple[Any, ...]) -> str:
    path = where
    for part in location:
        if not _is_type_name(part):
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return cut(path, _LONGEST_PATH)


def _problem(detail: ErrorDetails) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        return "unknown field"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    expected, found = _expected(kind, detail.get("ctx", {})), _shown(detail["input"])
    if expected is None:
        _, is_requirement, wanted = message.partition("should be ")
        if not is_requirement:
            return f"{message[0].lower()}{message[1:]}, got {found}"
        expected = wanted
    return f"expected {expected}, got {found}"


def _expected(kind: str, context: dict[str, Any]) -> str | None:
    if kind == "model_type":
        return "a name or a mapping" if context["class_name"] in _WRITTEN_AS_NAMES else "a mapping"
    if kind == "too_short":
        return f"a list of at least {context['min_length']}"
    if kind == "string_pattern_mismatch":
        return f"a text like {context['pattern']}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"a number {words} {context[key]}"
    return _EXPECTED.get(kind)


def _shown(value: Any) -> str:
    """Return a value in the form of a recipe, shortened if it is long."""
    words = {True: "true", False: "false", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else excerpt(value)


def _remedy(detail: ErrorDetails, schema: type[BaseModel], where: str, also_valid: list[str]) -> str | None:
    if detail["type"] not in {"extra_forbidden", "missing", "model_type"}:
        return None
    inside = detail["loc"] if detail["type"] == "model_type" else detail["loc"][:-1]
    holder = _model_at(schema, inside)
    if holder is None:
        return None
    if holder is ComponentSpec:
        return "A component is written as its name, `NAME`, or with options, `{name: NAME, OPTION: VALUE}`."
    fields = [*holder.model_fields, *also_valid]
    if not fields:
        return "There are no options here."
    hint = ""
    if detail["type"] == "extra_forbidden":
        name = str(detail["loc"][-1])
        elsewhere = _other_places(_SYNONYMS.get(name, name), schema, where) or _owner(
            name, _join(where, detail["loc"][:-1])
        )
        hint = nearest(name, fields, _ALIKE) or elsewhere or nearest(name, fields)
    return f"{hint}Valid here: {', '.join(fields)}."


def _other_places(name: str, schema: type[BaseModel], where: str) -> str:
    """Return ``"Did you mean 'x'? "`` for the outermost fields called ``name``, if they are few."""
    places = list(_places(name, schema, where))
    outermost = [path for path in places if path.count(".") == min(place.count(".") for place in places)]
    return f"Did you mean {' or '.join(map(repr, outermost))}? " if 0 < len(outermost) <= 2 else ""


def _places(name: str, schema: type[BaseModel], where: str) -> Iterator[str]:
    """Yield the paths of the fields called ``name``: those of a model, then those of the models and defaults in it."""
    fields = {(f"{where}." if where else "") + known: field for known, field in schema.model_fields.items()}
    yield from (path for path in fields if path.rpartition(".")[2] == name)
    for path, field in fields.items():
        if isinstance(field.default, ComponentSpec) and name in field.default.options:
            yield f"{path}.{name}"
        for model in _models_in(field.annotation):
            yield from _places(name, model, path)


def _owner(name: str, where: str) -> str:
    """Return a sentence that names the component with an option of this name; empty if there is none, or several kinds.

    A component of the kind at ``where`` comes first.
    """
    kinds = (*dict.fromkeys(map(kind_of_role, PARTS)), "objective", "dataset")
    here = "dataset" if where == "data" else where.removeprefix("model.")
    found = {kind: component for kind in kinds if (component := _component_with(name, kind))}
    if here in found:
        return f"It is an option of another {here}, {found[here]!r}. "
    if where not in ("", "model") or len(found) != 1:
        return ""
    ((kind, component),) = found.items()
    return f"`{'data' if kind == 'dataset' else f'model.{kind}'}.{name}` is an option of the {kind} {component!r}. "


def _component_with(name: str, kind: str) -> str | None:
    for component, owners in sources(kind).items():
        own = [source for source in owners if source.distribution == DISTRIBUTION]
        if own and any(option.name == name for option in describe_component(own[0]).options):
            return component
    return None


def _model_at(schema: Any, location: tuple[Any, ...]) -> type[BaseModel] | None:
    for part in location:
        models = [schema] if isinstance(schema, type) and issubclass(schema, BaseModel) else _models_in(schema)
        if isinstance(part, int):
            continue
        field = next((model.model_fields[part] for model in models if part in model.model_fields), None)
        if field is None:
            return None
        schema = field.annotation
    models = [schema] if isinstance(schema, type) and issubclass(schema, BaseModel) else _models_in(schema)
    return models[0] if models else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the pydantic models inside a type such as ``X | None`` or ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
