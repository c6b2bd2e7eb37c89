"""The registry finds components by kind and name: built-in ones, those of installed packages, and your own.

A built-in component is a file, ``zoo/<kind>s/<name>.py``. A third-party one is an entry point of the group
``zoo.<kind>``. Your own is a class in a script or a notebook. All three use the decorator
:func:`register`. A component is imported only when it is used, so listing components does not import torch.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from zoo.errors import ComponentError, ZooWarning, nearest, unknown_name
from zoo.registry.imports import PluginError, entry_points, import_plugin
from zoo.utils.arguments import checked
from zoo.utils.foreign import reason

DISTRIBUTION = "latent-zoo"
SCRIPT = "this process"
C = TypeVar("C", bound=type)


PART_NAMES = ("likelihood", "encoder", "posterior", "prior", "decoder", "network")
"""The parts of a model that another part may ask for, in the order in which they are constructed."""

WIRING: Mapping[str, str] = {
    "data_shape": "shape of one example",
    "data_range": "smallest and largest value of the data, or None",
    "data_columns": "what the columns of a table mean; () for other data",
    "output_shape": "shape of the raw parameters that the likelihood takes",
    "latent_dim": "number of latent dimensions, or of channels of a latent map",
    "latent_shape": "shape of the latents of one example",
    "features": "number of features that the encoder returns",
    "feature_shape": "shape of the features of one example that the encoder returns",
    "condition_dim": "length of the condition vector, 0 without a condition",
    "classes": "number of classes whose labels the component sees, 0 without labels",
    "train_examples": "number of training examples",
    **{name: f"the {name} of the model" for name in PART_NAMES},
}
"""Constructor parameters that the model fills in, with their meaning; all others are options of the recipe."""


@dataclass(frozen=True)
class Kind:
    """A role that components play.

    Attributes:
        package: where the built-in components are, one file each.
        interface: the class that every component of this kind extends.
        contract: what a component of this kind maps, and to what.
        wiring: the constructor parameters that the model fills in for this kind, a subset of :data:`WIRING`.
    """

    name: str
    package: str
    interface: str
    contract: str
    wiring: tuple[str, ...] = ()

    def load_interface(self) -> type:
        """Import and return the abstract class that every component of this kind extends."""
        interface: type = getattr(importlib.import_module(self.package), self.interface)
        return interface


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("corruption", "zoo.corruptions", "Corruption", "data (B, *data_shape) → corrupted data, in training"),
        Kind(
            "encoder",
            "zoo.encoders",
            "Encoder",
            "data (B, *data_shape) → features (B, F) or maps (B, C, h, w)",
            ("data_shape", "condition_dim"),
        ),
        Kind(
            "posterior",
            "zoo.posteriors",
            "Posterior",
            "features → distribution over z (B, *latent_shape)",
            ("features", "feature_shape", "latent_dim", "condition_dim", "encoder", "prior"),
        ),
        Kind(
            "prior",
            "zoo.priors",
            "Prior",
            "→ distribution over z",
            (
                *("latent_dim", "latent_shape", "data_shape", "data_range", "condition_dim", "classes"),
                *("train_examples", "feature_shape", "encoder", "posterior"),
            ),
        ),
        Kind(
            "decoder",
            "zoo.decoders",
            "Decoder",
            "z (B, *latent_shape) → raw parameters (B, *shape)",
            ("latent_dim", "latent_shape", "output_shape", "condition_dim", "encoder", "posterior", "prior"),
        ),
        Kind(
            "likelihood",
            "zoo.likelihoods",
            "Likelihood",
            "raw parameters → distribution over data",
            ("data_shape", "data_range", "data_columns"),
        ),
        Kind(
            "network",
            "zoo.networks",
            "Network",
            "data (B, *data_shape) → data (B, *data_shape)",
            ("data_shape", "condition_dim"),
        ),
        Kind(
            "regulariser", "zoo.regularisers", "Regulariser", "latents of a batch → a term of the loss", tuple(WIRING)
        ),
        Kind("objective", "zoo.objectives", "Objective", "model and batch → loss; how to sample", tuple(WIRING)),
        Kind("dataset", "zoo.datasets", "Dataset", "→ train, validation and test data in a stated range"),
        Kind("metric", "zoo.metrics", "Metric", "model and data → named metrics"),
        Kind("figure", "zoo.figures", "Figure", "model and data → a figure"),
        Kind("callback", "zoo.callbacks", "Callback", "training → observes it, adds to its record, or ends it"),
    )
}


@functools.lru_cache(maxsize=512)
def kind_of(component: type) -> Kind | None:
    """Return the kind whose interface a class extends, or None, without importing an interface."""
    interfaces = {(kind.package, kind.interface): kind for kind in KINDS.values()}
    places = ((base.__module__, base.__name__) for base in component.__mro__)
    return next((interfaces[place] for place in places if place in interfaces), None)


@dataclass(frozen=True)
class Source:
    """Where a component comes from: the module that registers it, and the distribution that ships it."""

    kind: str
    name: str
    module: str
    distribution: str
    version: str | None = None

    @property
    def owner(self) -> str:
        """The top-level package that provides it; two owners of one name are refused."""
        return _owner(self.module)

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.module} ({self.distribution}{version})"


_registered: dict[tuple[str, str, str], type] = {}
"""Classes by kind, name and owner. A name that two packages claim is an error only when it is used."""


@checked
def register(kind: str, name: str) -> Callable[[C], C]:
    """Make a class available as the component ``name`` of ``kind``.

    The class extends the interface of its kind. Its constructor is its schema: arguments are keyword-only and typed.
    Options have a default. Wiring such as ``data_shape`` or ``latent_dim`` has none: the model passes it by name.

    Raises:
        ComponentError: the kind is unknown, the class does not fulfil the contract, or another class of the
            same package has the name. A name that another package has is an error when it is used.

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

    def enter(component: C) -> C:
        _check_contract(role, name, component)
        key = kind, name, _owner(component.__module__)
        known = _registered.get(key)
        # A cell or a module that runs again defines the same class again.
        if known is not None and _place(known) != _place(component):
            raise ComponentError(
                f"two classes for the {kind} {name!r}: {_place(known)} and {_place(component)}",
                remedy="Register one of them under another name.",
            )
        _registered[key] = component
        return component

    return enter


def find_kind(kind: str) -> Kind:
    """Return the kind called ``kind``, or raise :class:`ComponentError` with the known kinds."""
    if kind not in KINDS:
        problem, remedy = unknown_name("kind", kind, KINDS)
        raise ComponentError(problem, remedy=remedy)
    return KINDS[kind]


@checked
def list_components(kind: str | None = None, pattern: str = "*") -> Any:
    """List the names of a kind, or a dict of all kinds if none is given, without importing any component.

    Example:
        >>> import zoo
        >>> zoo.list_components("posterior", "full_*")
        ['full_gaussian']
    """
    if kind is None:
        return {name: list_components(name, pattern) for name in KINDS}
    return sorted(name for name in sources(kind) if fnmatchcase(name, pattern))


def sources(kind: str) -> dict[str, list[Source]]:
    """Return every name of ``kind`` with its sources; a name with two sources is an error when it is used."""
    find_kind(kind)
    registered = (name for registered_kind, name, _ in _registered if registered_kind == kind)
    return {name: _sources_of(kind, name) for name in dict.fromkeys((*_installed(kind), *registered))}


def _sources_of(kind: str, name: str) -> list[Source]:
    found = dict(_installed(kind).get(name, {}))
    for (registered_kind, registered_name, owner), component in _registered.items():
        if registered_name == name and registered_kind == kind and owner not in found:
            found[owner] = Source(kind, name, component.__module__, SCRIPT)
    return list(found.values())


def find_source(kind: str, name: str, where: str | None = None) -> Source:
    """Return the one source of a component, without importing it.

    Raises:
        ComponentError: no package has the name, or several have.
    """
    find_kind(kind)
    known = _sources_of(kind, name)
    if not known:
        names = sources(kind)
        problem, remedy = unknown_name(kind, name, names, f"zoo-cli list {kind}")
        if not nearest(name, sorted(names)):
            remedy += " Import your own component first: `--import FILE.py`, or `imports` in the recipe."
        raise ComponentError(problem, where=where, remedy=remedy)
    if len(known) > 1:
        owners = " and ".join(str(source) for source in known)
        raise ComponentError(
            f"two owners of the {kind} {name!r}: {owners}",
            where=where,
            remedy="Register yours under another name."
            if any(source.distribution == SCRIPT for source in known)
            else "Uninstall one of the two, or ask its authors to rename the component.",
        )
    return known[0]


def find_component(kind: str, name: str, where: str | None = None) -> type:
    """Import and return the class of one component; its siblings stay unloaded.

    Args:
        where: the field path to name in an error.

    Raises:
        ComponentError: the name is unknown, has two owners, or its package fails to import.
    """
    source = find_source(kind, name, where)
    key = kind, name, source.owner
    if key not in _registered:
        before = set(_registered)
        try:
            if source.distribution in (DISTRIBUTION, SCRIPT):
                importlib.import_module(source.module)
            else:
                KINDS[kind].load_interface()  # the time of this import does not count as the plug-in's own
                import_plugin(source.module)
        except Exception as error:
            # Classes of a module that did not finish its import are forgotten: asking again fails again.
            for new in set(_registered) - before:
                if _registered[new].__module__ not in sys.modules:
                    del _registered[new]
            cause = error.__cause__ if isinstance(error, PluginError) else error
            if isinstance(cause, ComponentError):
                raise cause from None
            problem = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {reason(error)}"
            raise ComponentError(
                f"the {kind} {name!r} of {source} fails to import: {problem}",
                where=where,
                remedy=f"Repair or uninstall {source.distribution}; every other component still works.",
            ) from error
    if key not in _registered:
        raise ComponentError(
            f"{source} declares the {kind} {name!r} but does not register it",
            where=where,
            remedy=f"Its class needs the decorator @zoo.register({kind!r}, {name!r}).",
        )
    return _registered[key]


def usable_components(kind: str) -> dict[str, type]:
    """Import and return every component of a kind, with a warning for each that cannot be imported.

    Use it where all components are needed (every metric, the schema); a broken plug-in does not affect the rest.
    """
    found = {}
    for name in list_components(kind):
        try:
            found[name] = find_component(kind, name)
        except ComponentError as error:
            warnings.warn(f"left out: {error}", ZooWarning, stacklevel=2)
    return found


def _check_contract(kind: Kind, name: str, component: type) -> None:
    where = f"{kind.name} {name!r} ({_place(component)})"
    interface = kind.load_interface()
    if not (inspect.isclass(component) and issubclass(component, interface)):
        raise ComponentError(
            f"a component of this kind extends {kind.package}.{kind.interface}", where=where, remedy=kind.contract
        )
    if inspect.isabstract(component):
        absent = ", ".join(f"{method}()" for method in sorted(getattr(component, "__abstractmethods__", ())))
        raise ComponentError(f"the class does not define {absent}", where=where, remedy=kind.contract)
    for parameter in constructor_parameters(component).values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise ComponentError(
                f"the constructor's parameter {parameter.name!r} is not keyword-only",
                where=where,
                remedy="Write it as `def __init__(self, *, option: type = default)`.",
            )
        if parameter.annotation is inspect.Parameter.empty:
            raise ComponentError(
                f"the constructor's parameter {parameter.name!r} has no type",
                where=where,
                remedy="Annotate it: values from recipes are checked against the type.",
            )


def constructor_parameters(component: type) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a class's constructor by name, without ``self``; {} without a constructor."""
    # A class without a constructor inherits that of `object`, and an abstract one that of `Protocol`; neither takes
    # anything, though their signatures say `*args, **kwargs`.
    return _parameters_of(component.__init__)  # type: ignore[misc]


@functools.lru_cache(maxsize=512)
def _parameters_of(constructor: Callable[..., None]) -> Mapping[str, inspect.Parameter]:
    if constructor is object.__init__:
        return MappingProxyType({})
    parameters = inspect.signature(constructor).parameters
    return MappingProxyType({name: parameter for place, (name, parameter) in enumerate(parameters.items()) if place})


def name_of(component: type) -> tuple[str, str] | None:
    """Return the kind and the name that a class is registered under, or None.

    Example:
        >>> name_of(find_component("prior", "standard_gaussian"))
        ('prior', 'standard_gaussian')
    """
    return next(((kind, name) for (kind, name, _), known in _registered.items() if known is component), None)


def _owner(module: str) -> str:
    return module.partition(".")[0]


def _place(component: type) -> str:
    return f"{component.__module__}.{component.__qualname__}"


@functools.cache
def _installed(kind: str) -> Mapping[str, Mapping[str, Source]]:
    """Return the sources of a kind in this package and in installed ones, by name and owner."""
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
        # EntryPoint.module fails on a malformed value; here it fails when it is imported, and alone.
        add(Source(kind, point.name, point.value.partition(":")[0].strip(), *owner))
    return found


def _version() -> str:
    from zoo.version import __version__

    return __version__
