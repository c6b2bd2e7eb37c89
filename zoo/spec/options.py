"""Options of components: a constructor's types and defaults are the schema by which options are checked."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model

from zoo.errors import ComponentError, ZooError, nearest
from zoo.registry import WIRING, constructor_parameters, kind_of
from zoo.spec.origin import join_lines
from zoo.spec.problems import describe_problems
from zoo.utils.text import excerpt


@functools.cache
def option_schema(component: type) -> type[BaseModel]:
    """Return the pydantic model of a component's options, made from its constructor's signature.

    Raises:
        ComponentError: a value of a recipe cannot be checked against a type in the signature.
    """
    constructor = component.__init__  # type: ignore[misc]
    try:
        wiring = wiring_of(component)
        options = {
            name: parameter for name, parameter in constructor_parameters(component).items() if name not in wiring
        }
        hints = _types_of(constructor, options)
        fields: dict[str, Any] = {}
        for name, parameter in options.items():
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (hints[name], Field(default=default, validate_default=False))
        return create_model(
            component.__name__, __config__=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False), **fields
        )
    except (NameError, TypeError, PydanticUserError) as error:
        raise ComponentError(
            f"an option's type cannot be checked: {str(error).splitlines()[0]}",
            where=f"{component.__module__}.{component.__qualname__}",
            remedy="Options must be plain data: numbers, texts, booleans, lists and mappings of them, pydantic models; "
            "and their types must be imported in the module of the class, not under TYPE_CHECKING.",
        ) from error


def _types_of(constructor: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return the types of some parameters; those of the others, such as parts of the model, need not be importable."""
    written = getattr(constructor, "__annotations__", {})
    chosen = types.SimpleNamespace(__annotations__={name: written[name] for name in names if name in written})
    return typing.get_type_hints(chosen, globalns=getattr(constructor, "__globals__", {}), include_extras=True)


def wiring_names(component: type) -> tuple[str, ...]:
    """Return the names that a component's kind may ask the model for."""
    kind = kind_of(component)
    return kind.wiring if kind is not None else tuple(WIRING)


def wiring_of(component: type) -> set[str]:
    """Return the names of the wiring that a component's constructor asks for.

    Raises:
        ComponentError: it asks for something that the model does not give to components of its kind.
    """
    parameters = constructor_parameters(component)
    allowed = wiring_names(component)
    kind = kind_of(component)
    # A parameter with a default is an option, whatever its name.
    refused = [n for n, p in parameters.items() if n in WIRING and n not in allowed and p.default is p.empty]
    if refused and kind is not None and kind.wiring:
        raise ComponentError(
            f"{component.__name__} asks for {refused[0]!r}, which the model does not give to a component of kind "
            f"{kind.name!r}",
            remedy=f"It may ask for: {', '.join(allowed) or 'nothing'}.",
        )
    return set(parameters) & set(allowed)


def check_options(
    component: type, options: dict[str, Any], where: str, also_valid: Iterable[str] = ()
) -> dict[str, Any]:
    """Return all options of ``component`` as plain data: the given ones after a check, and defaults for the rest.

    Args:
        where: the path of the component, for errors.
        also_valid: names that are valid at that path in addition to the options.

    Raises:
        ComponentError: an option is unknown, missing or of another type; the message names its path, the
            valid options and the nearest name.

    Example:
        >>> from zoo.priors.standard_gaussian import StandardGaussian
        >>> check_options(StandardGaussian, {}, "model.prior")
        {}
    """
    reserved = sorted(set(options) & set(wiring_names(component)))
    if reserved:
        raise ComponentError(
            f"{reserved[0]!r} is set by the model and is not an option",
            where=f"{where}.{reserved[0]}",
            remedy=f"Leave it out: the component gets the {WIRING[reserved[0]]} from the model.",
        )
    try:
        checked = option_schema(component).model_validate(options)
    except ValidationError as error:
        problems, count, remedy = describe_problems(error, option_schema(component), where, also_valid)
        field, problem = problems[0] if count == 1 else (where, join_lines(problems, count=count))
        missing = [str(each["loc"][0]) for each in error.errors() if each["type"] == "missing"]
        meant = nearest(missing[0], wiring_names(component), 0.8) if missing else ""
        if meant:  # a misspelt argument of the constructor, rather than a field that the recipe lacks
            remedy = (
                f"{component.__name__} requires {missing[0]!r}, which the model does not set. {meant}{remedy or ''}"
            )
        raise ComponentError(problem, where=field, remedy=remedy) from error
    return checked.model_dump(mode="json")


def construct(component: type, options: dict[str, Any], wiring: dict[str, Any], where: str) -> Any:
    """Make a component from checked options and from the wiring that its constructor asks for.

    Raises:
        ComponentError: the component refuses what it is given; the message names its path.
    """
    checked = option_schema(component).model_validate(options)
    wanted = wiring_of(component)
    parameters = constructor_parameters(component)
    optional = {name for name in wanted - set(wiring) if parameters[name].default is not inspect.Parameter.empty}
    wanted -= optional
    absent = sorted(wanted - set(wiring))
    if absent:
        raise ComponentError(f"it asks for {absent[0]!r}, which is not available here", where=where)
    try:
        return component(**dict(checked), **{name: wiring[name] for name in wanted})
    except ZooError as error:
        error.where = f"{where}.{error.where}" if error.where else where
        raise
    except ValueError as error:
        raise ComponentError(f"{component.__name__} refuses its options: {error}", where=where) from error
    except SystemExit as error:
        raise ComponentError(f"{component.__name__} exits, with status {excerpt(error.code)}", where=where) from error
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        raise ComponentError("it does not fit into memory", where=where, remedy="Make it smaller.") from error


def option_names(component: type) -> Iterable[str]:
    """Return the names of a component's options."""
    return option_schema(component).model_fields.keys()
