"""The registry finds components by kind and name, wherever they are defined.

A built-in component is a file, ``zoo/<kind>s/<name>.py``. A component of another package is an entry point of the group
``zoo.<kind>``. A component of your own is a class in a script or a notebook. All of them use the decorator
:func:`register`. A component is imported only when it is used, so listing components does not import torch.
"""

from zoo.registry.discovery import DISTRIBUTION, SCRIPT, Source, find_source, list_components, sources
from zoo.registry.kinds import KINDS, PART_NAMES, WIRING, Kind, find_kind, kind_of
from zoo.registry.lookup import find_component, usable_components
from zoo.registry.registration import constructor_parameters, name_of, register

__all__ = [
    "DISTRIBUTION",
    "KINDS",
    "PART_NAMES",
    "SCRIPT",
    "WIRING",
    "Kind",
    "Source",
    "constructor_parameters",
    "find_component",
    "find_kind",
    "find_source",
    "kind_of",
    "list_components",
    "name_of",
    "register",
    "sources",
    "usable_components",
]
