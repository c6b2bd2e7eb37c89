"""Validation of plain data as specs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from zoo.errors import RecipeError
from zoo.spec.component import ComponentSpec
from zoo.spec.origin import Origin, join_lines
from zoo.spec.problems import describe_problems
from zoo.utils.text import excerpt

S = TypeVar("S", bound=BaseModel)


def validate(schema: type[S], document: object, where: str = "", origin: Origin | None = None) -> S:
    """Return a document as a spec.

    Args:
        where: the path of the document, a prefix of the paths of its fields in errors.
        origin: the origin of its fields, for errors.

    Raises:
        RecipeError: a field is wrong; the message names each wrong field.
    """
    try:
        return schema.model_validate(document)
    except ValidationError as error:
        problems, count, remedy = describe_problems(error, schema, where)
        field, problem = problems[0] if count == 1 else (None, join_lines(problems, origin, count=count))
        refusal = RecipeError(problem, where=field, remedy=remedy)
        raise (origin.locate(refusal) if origin else refusal) from error


def component_list(components: Iterable[str | Mapping[str, Any] | ComponentSpec], where: str) -> list[ComponentSpec]:
    """Return the specs of components from names, or mappings with a name and options.

    Raises:
        RecipeError: the argument is not a list, or an entry is not a component.
    """
    remedy = f'For example: {where.rpartition(".")[2]}=["name", {{"name": "name", "option": 3}}].'
    if isinstance(components, (str, Mapping, ComponentSpec)) or not isinstance(components, Iterable):
        raise RecipeError(f"expected a list, got {excerpt(components)}", where=where, remedy=remedy)
    return [
        entry if isinstance(entry, ComponentSpec) else validate(ComponentSpec, entry, place_of_entry(where, index))
        for index, entry in enumerate(components)
    ]


def place_of_entry(where: str, index: int) -> str:
    """Return the path of an entry of a list, for errors; an option of a command that is repeated has no numbers.

    Example:
        >>> place_of_entry("evaluate.metrics", 2), place_of_entry("--metric", 0)
        ('evaluate.metrics[2]', '--metric')
    """
    return where if where.startswith("--") else f"{where}[{index}]"
