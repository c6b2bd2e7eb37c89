"""Finds a component by kind and name, and imports it."""

from __future__ import annotations

import importlib
import sys
import warnings

from zoo.errors import ComponentError, ZooWarning
from zoo.registry.discovery import DISTRIBUTION, SCRIPT, find_source, list_components
from zoo.registry.imports import PluginError, import_plugin
from zoo.registry.kinds import KINDS
from zoo.registry.registration import registered
from zoo.utils.foreign import reason


def find_component(kind: str, name: str, where: str | None = None) -> type:
    """Import and return the class of a component; other components of the kind are not imported.

    Args:
        where: the field path that an error names.

    Raises:
        ComponentError: the name is unknown, two packages have it, or its module cannot be imported.
    """
    source = find_source(kind, name, where)
    key = kind, name, source.owner
    if key not in registered:
        before = set(registered)
        try:
            if source.distribution in (DISTRIBUTION, SCRIPT):
                importlib.import_module(source.module)
            else:
                KINDS[kind].load_interface()  # imported first, so that its time does not count against the plug-in
                import_plugin(source.module)
        except Exception as error:
            # Classes of a module that failed to import are removed, so that the next attempt fails in the same way.
            for new in set(registered) - before:
                if registered[new].__module__ not in sys.modules:
                    del registered[new]
            cause = error.__cause__ if isinstance(error, PluginError) else error
            if isinstance(cause, ComponentError):
                raise cause from None
            problem = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {reason(error)}"
            raise ComponentError(
                f"the {kind} {name!r} of {source} cannot be imported: {problem}",
                where=where,
                remedy=f"Repair or uninstall {source.distribution}. All other components still work.",
            ) from error
    if key not in registered:
        raise ComponentError(
            f"{source} has an entry point for the {kind} {name!r}, but does not register it",
            where=where,
            remedy=f"Add the decorator @zoo.register({kind!r}, {name!r}) to its class.",
        )
    return registered[key]


def usable_components(kind: str) -> dict[str, type]:
    """Import and return all components of a kind by name, with a warning for each that cannot be imported.

    Use it where all components are needed, such as for the schema: a broken plug-in does not affect the others.
    """
    found = {}
    for name in list_components(kind):
        try:
            found[name] = find_component(kind, name)
        except ComponentError as error:
            warnings.warn(f"left out: {error}", ZooWarning, stacklevel=2)
    return found
