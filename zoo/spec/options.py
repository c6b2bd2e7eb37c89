"""A component's constructor is its schema: options are checked against its types and filled with its defaults."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model

from zoo.errors import ComponentError, ZooError
from zoo.registry import WIRING
from zoo.spec.origin import join_lines
from zoo.spec.problems import describe_problems


@functools.cache
def option_schema(component: type) -> type[BaseModel]:
    """Return the pydantic model of a component's options, made from its constructor's signature.

    Raises:
        ComponentError: a type in the signature is none that a value of a recipe can be checked against.
    """
    constructor = component.__init__  # type: ignore[misc]
    try:
        hints = typing.get_type_hints(constructor, include_extras=True)
        fields: dict[str, Any] = {}
        for name, parameter in list(inspect.signature(constructor).parameters.items())[1:]:
            if name not in WIRING:
                default = ... if parameter.default is inspect.Parameter.empty else parameter.default
                fields[name] = (hints[name], Field(default=default, validate_default=False))
        return create_model(
            component.__name__, __config__=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False), **fields
        )
    except (NameError, TypeError, PydanticUserError) as error:
        raise ComponentError(
            f"an option's type cannot be checked: {str(error).splitlines()[0]}",
            where=f"{component.__module__}.{component.__qualname__}",
            remedy="Options are plain data: numbers, texts, truth values, lists and mappings of them, pydantic models; "
            "their types are imported where the class is, not under TYPE_CHECKING.",
        ) from error


def wiring_of(component: type) -> set[str]:
    """Return the names of the wiring that a component's constructor asks for."""
    return set(inspect.signature(component.__init__).parameters) & set(WIRING)  # type: ignore[misc]


def check_options(
    component: type, options: dict[str, Any], where: str, also_valid: Iterable[str] = ()
) -> dict[str, Any]:
    """Return all options of ``component`` as plain data: those given, checked, and the defaults of the rest.

    Args:
        where: the field path of the component, named in errors.
        also_valid: names that are valid at that path beside the options.

    Raises:
        ComponentError: an option is unknown, missing or of another type; the message names its path, the
            valid options and the nearest name.

    Example:
        >>> from zoo.priors.standard_gaussian import StandardGaussian
        >>> check_options(StandardGaussian, {}, "model.prior")
        {}
    """
    reserved = sorted(set(options) & set(WIRING))
    if reserved:
        raise ComponentError(
            f"{reserved[0]!r} is set by the model, not by a component",
            where=f"{where}.{reserved[0]}",
            remedy=f"Leave it out here; the model knows the {WIRING[reserved[0]]}.",
        )
    try:
        checked = option_schema(component).model_validate(options)
    except ValidationError as error:
        problems, remedy = describe_problems(error, option_schema(component), where, also_valid)
        field, problem = problems[0] if len(problems) == 1 else (where, join_lines(problems))
        raise ComponentError(problem, where=field, remedy=remedy) from error
    return checked.model_dump(mode="json")


def construct(component: type, options: dict[str, Any], wiring: dict[str, Any], where: str) -> Any:
    """Make a component from checked options and from the wiring that its constructor asks for.

    Raises:
        ComponentError: the component refuses what it is given; the message names its path.
    """
    checked = option_schema(component).model_validate(options)
    wanted = wiring_of(component)
    absent = sorted(wanted - set(wiring))
    if absent:
        raise ComponentError(f"asks for {absent[0]!r}, which this model does not have", where=where)
    try:
        return component(**dict(checked), **{name: wiring[name] for name in wanted})
    except ZooError as error:
        error.where = f"{where}.{error.where}" if error.where else where
        raise
    except ValueError as error:
        raise ComponentError(f"{component.__name__} refuses its options: {error}", where=where) from error
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        raise ComponentError(
            "with these sizes it does not fit the memory", where=where, remedy="Make it smaller."
        ) from error


def option_names(component: type) -> Iterable[str]:
    """Return the names of a component's options."""
    return option_schema(component).model_fields.keys()
