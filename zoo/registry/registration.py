"""The decorator :func:`register`, which checks that a class fulfils the contract of its kind."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from zoo.errors import ComponentError
from zoo.registry.kinds import Kind, find_kind
from zoo.utils.arguments import checked

C = TypeVar("C", bound=type)

registered: dict[tuple[str, str, str], type] = {}
"""Classes by kind, name and owner. A name that two packages use raises an error only when it is looked up."""


@checked
def register(kind: str, name: str) -> Callable[[C], C]:
    """Return a decorator that makes a class available as the component ``name`` of ``kind``.

    The class must extend the interface of its kind. Its constructor is its schema: all parameters are keyword-only and
    typed. Options have defaults. Sizes and parts of the model, such as ``data_shape`` or ``latent_dim``, have none: the
    model passes them by name.

    Raises:
        ComponentError: the kind is unknown, the class does not fulfil the contract, or another class of the same
            package has the same name. If another package uses the name too, looking it up raises the error.

    Example:
        >>> import torch, zoo
        >>> from zoo.priors import Prior
        >>> @zoo.register("prior", "wide_gaussian")
        ... class WideGaussian(Prior):
        ...     def __init__(self, *, latent_dim: int, scale: float = 2.0) -> None:
        ...         super().__init__()
        ...         self.shape, self.scale = (latent_dim,), scale
        ...     def forward(self):
        ...         normal = torch.distributions.Normal(torch.zeros(self.shape), self.scale)
        ...         return torch.distributions.Independent(normal, 1)
        >>> "wide_gaussian" in zoo.list_components("prior")
        True
    """
    role = find_kind(kind)

    def add(component: C) -> C:
        _check_contract(role, name, component)
        key = kind, name, owner_of(component.__module__)
        known = registered.get(key)
        # A notebook cell or a module that runs again defines the same class again.
        if known is not None and _qualified_name(known) != _qualified_name(component):
            raise ComponentError(
                f"expected one class for the {kind} {name!r}, got {_qualified_name(known)} and "
                f"{_qualified_name(component)}",
                remedy="Register one of them under another name.",
            )
        registered[key] = component
        return component

    return add


def name_of(component: type) -> tuple[str, str] | None:
    """Return the kind and name under which a class is registered, or None.

    Example:
        >>> from zoo.registry import find_component
        >>> name_of(find_component("prior", "standard_gaussian"))
        ('prior', 'standard_gaussian')
    """
    return next(((kind, name) for (kind, name, _), known in registered.items() if known is component), None)


def owner_of(module: str) -> str:
    """Return the top-level package of a module."""
    return module.partition(".")[0]


def _qualified_name(component: type) -> str:
    return f"{component.__module__}.{component.__qualname__}"


def _check_contract(kind: Kind, name: str, component: type) -> None:
    where = f"{kind.name} {name!r} ({_qualified_name(component)})"
    interface = kind.load_interface()
    if not (inspect.isclass(component) and issubclass(component, interface)):
        raise ComponentError(
            f"expected a class that extends {kind.package}.{kind.interface}",
            where=where,
            remedy=f"The contract of the kind: {kind.contract}.",
        )
    if inspect.isabstract(component):
        absent = ", ".join(f"{method}()" for method in sorted(getattr(component, "__abstractmethods__", ())))
        raise ComponentError(
            f"expected a class that defines {absent}", where=where, remedy=f"The contract of the kind: {kind.contract}."
        )
    for parameter in constructor_parameters(component).values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise ComponentError(
                f"expected keyword-only parameters of the constructor, got {parameter.name!r}, which is not",
                where=where,
                remedy="Write it as `def __init__(self, *, option: type = default)`.",
            )
        if parameter.annotation is inspect.Parameter.empty:
            raise ComponentError(
                f"expected parameters of the constructor with types, got {parameter.name!r} without one",
                where=where,
                remedy="Annotate it. Values in recipes are checked against the type.",
            )


def constructor_parameters(component: type) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a class's constructor by name, without ``self``; {} without a constructor."""
    # A class without a constructor inherits that of `object`, and an abstract class that of `Protocol`. Neither accepts
    # arguments, although their signature is `*args, **kwargs`.
    return _parameters_of(component.__init__)  # type: ignore[misc]


@functools.lru_cache(maxsize=512)
def _parameters_of(constructor: Callable[..., None]) -> Mapping[str, inspect.Parameter]:
    if constructor is object.__init__:
        return MappingProxyType({})
    parameters = inspect.signature(constructor).parameters
    return MappingProxyType({name: parameter for place, (name, parameter) in enumerate(parameters.items()) if place})
