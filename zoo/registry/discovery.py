"""Discovers components without importing them: files of this package, entry points, and registered classes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from zoo.errors import ComponentError, nearest, unknown_name
from zoo.registry.imports import entry_points
from zoo.registry.kinds import KINDS, find_kind
from zoo.registry.registration import owner_of, registered
from zoo.utils.arguments import checked

DISTRIBUTION = "latent-zoo"
SCRIPT = "this process"
"""The distribution of components that a script or a notebook registered."""


@dataclass(frozen=True)
class Source:
    """Where a component comes from.

    Attributes:
        kind: the kind of the component.
        name: the name of the component.
        module: the module that registers it.
        distribution: the installed distribution that contains the module, or :data:`SCRIPT`.
        version: the version of the distribution, if it is known.
    """

    kind: str
    name: str
    module: str
    distribution: str
    version: str | None = None

    @property
    def owner(self) -> str:
        """The top-level package of the module. A name with two owners cannot be used."""
        return owner_of(self.module)

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.module} ({self.distribution}{version})"


@checked
def list_components(kind: str | None = None, pattern: str = "*") -> Any:
    """List the names of the components of a kind, or of all kinds, without importing any component.

    Args:
        kind: None: all kinds.
        pattern: a shell wildcard for the names.

    Returns:
        The sorted names; a dict of them by kind, if ``kind`` is None.

    Raises:
        ComponentError: the kind is unknown.

    Example:
        >>> import zoo
        >>> zoo.list_components("posterior", "full_*")
        ['full_gaussian']
    """
    if kind is None:
        return {name: list_components(name, pattern) for name in KINDS}
    return sorted(name for name in sources(kind) if fnmatchcase(name, pattern))


def sources(kind: str) -> dict[str, list[Source]]:
    """Return the sources of every name of ``kind``; a name with two sources raises an error only when it is used."""
    find_kind(kind)
    found = {name: dict(by_owner) for name, by_owner in _installed(kind).items()}
    for (registered_kind, name, owner), component in registered.items():
        if registered_kind == kind:
            found.setdefault(name, {}).setdefault(owner, Source(kind, name, component.__module__, SCRIPT))
    return {name: list(by_owner.values()) for name, by_owner in found.items()}


def find_source(kind: str, name: str, where: str | None = None) -> Source:
    """Return the source of a component, without importing it.

    Args:
        where: the field path that an error names.

    Raises:
        ComponentError: no package has a component of this name, or several have.
    """
    find_kind(kind)
    known = _sources_of(kind, name)
    if not known:
        names = sources(kind)
        problem, remedy = unknown_name(kind, name, names, f"zoo-cli list {kind}")
        if not nearest(name, sorted(names)):
            remedy += " A component of your own must be imported first: `--import FILE.py`, or `imports` in the recipe."
        raise ComponentError(problem, where=where, remedy=remedy)
    if len(known) > 1:
        owners = " and ".join(str(source) for source in known)
        raise ComponentError(
            f"expected one package with the {kind} {name!r}, got two: {owners}",
            where=where,
            remedy="Register your component under another name."
            if any(source.distribution == SCRIPT for source in known)
            else "Uninstall one of the packages, or ask its authors to rename the component.",
        )
    return known[0]


def _sources_of(kind: str, name: str) -> list[Source]:
    found = dict(_installed(kind).get(name, {}))
    for (registered_kind, registered_name, owner), component in registered.items():
        if registered_name == name and registered_kind == kind and owner not in found:
            found[owner] = Source(kind, name, component.__module__, SCRIPT)
    return list(found.values())


@functools.cache
def _installed(kind: str) -> Mapping[str, Mapping[str, Source]]:
    """Return the sources of a kind in this package and in other installed packages, by name and owner."""
    package = KINDS[kind].package
    found: dict[str, dict[str, Source]] = {}

    def add(source: Source) -> None:
        found.setdefault(source.name, {}).setdefault(source.owner, source)

    folder = Path(__file__).parent.parent / package.rpartition(".")[2]
    for name in sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")):
        add(Source(kind, name, f"{package}.{name}", DISTRIBUTION, _version()))
    for point in entry_points(f"zoo.{kind}"):
        distribution = point.dist
        owner = (distribution.name, distribution.version) if distribution else ("an unnamed distribution", None)
        # EntryPoint.module raises an error for a malformed value. Here only importing that component fails.
        add(Source(kind, point.name, point.value.partition(":")[0].strip(), *owner))
    return found


def _version() -> str:
    from zoo.version import __version__

    return __version__
