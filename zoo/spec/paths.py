"""Resolution of the relative paths of a recipe's data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo.errors import ComponentError
from zoo.registry import find_component
from zoo.spec.recipe import DataSpec


def with_absolute_paths(document: dict[str, Any], folder: Path) -> None:
    """Make relative paths in a recipe's document absolute, in place: they start from ``folder``.

    The dataset declares which of its options are paths; options of an unknown dataset are not changed.
    """
    _with_absolute_places(document, folder)
    data = document.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        return
    options = {name: value for name, value in data.items() if name not in DataSpec.model_fields}
    if not any(isinstance(value, str) for value in options.values()):
        return  # Without importing the dataset.
    try:
        dataset: Any = find_component("dataset", data["name"])
    except ComponentError:
        return  # The error is reported when the data are loaded.
    document["data"] = {**data, **dataset.with_absolute_paths(options, folder)}


def _with_absolute_places(document: dict[str, Any], folder: Path) -> None:
    """Make the paths of an initial model and of imported files absolute, in place, if they exist."""

    def absolute(name: Any) -> Any:
        path = absolute_path(name, folder) if isinstance(name, str) and name else name
        return path if isinstance(path, str) and Path(path).exists() else name

    init = document.get("init")
    if init is not None:
        document["init"] = {**init, "model": absolute(init.get("model"))} if isinstance(init, dict) else absolute(init)
    if isinstance(document.get("imports"), (list, tuple)):
        document["imports"] = [absolute(name) for name in document["imports"]]


def absolute_path(path: str, folder: Path) -> str:
    """Return the absolute form of a path or a pattern, relative to ``folder``.

    If it exists only in the working directory, it is relative to that, as in version 0.1. A path that starts with ``~``
    or with a scheme such as ``hf://`` is not changed.

    Example:
        >>> absolute_path("photos", Path("/project")), absolute_path("~/photos", Path("/project"))
        ('/project/photos', '~/photos')
    """
    if path.startswith("~") or "://" in path or Path(path).is_absolute():
        return path
    here, there = (Path(os.path.normpath(start / path)) for start in (Path.cwd(), folder.resolve()))
    return str(here if not _exists(there) and _exists(here) else there)


def _exists(path: Path) -> bool:
    """Return whether there is such a file or folder, or one that matches the pattern."""
    try:
        parts = path.relative_to(path.anchor)
        return path.exists() or next(Path(path.anchor).glob(str(parts)), None) is not None
    except (OSError, ValueError):  # No file can have this name.
        return False
