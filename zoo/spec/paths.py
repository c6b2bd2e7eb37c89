"""Resolution of the relative paths of a recipe's data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo.errors import ComponentError
from zoo.registry import find_component
from zoo.spec.recipe import DataSpec


def with_absolute_paths(document: dict[str, Any], folder: Path) -> None:
    """Let the relative paths in the ``data`` of a recipe's document start from ``folder``, in place.

    The dataset declares which of its options are paths; an unknown dataset has none.
    """
    _with_absolute_places(document, folder)
    data = document.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        return
    options = {name: value for name, value in data.items() if name not in DataSpec.model_fields}
    if not any(isinstance(value, str) for value in options.values()):
        return  # The dataset need not be imported.
    try:
        dataset: Any = find_component("dataset", data["name"])
    except ComponentError:
        return  # The error is reported when the data are loaded.
    document["data"] = {**data, **dataset.with_absolute_paths(options, folder)}


def _with_absolute_places(document: dict[str, Any], folder: Path) -> None:
    """Let the directory of an initial model, and the files that are imported, start from ``folder``, in place."""

    def placed(name: Any) -> Any:
        there = absolute_path(name, folder) if isinstance(name, str) and name else name
        return there if isinstance(there, str) and Path(there).exists() else name

    init = document.get("init")
    if init is not None:
        document["init"] = {**init, "model": placed(init.get("model"))} if isinstance(init, dict) else placed(init)
    if isinstance(document.get("imports"), (list, tuple)):
        document["imports"] = [placed(name) for name in document["imports"]]


def absolute_path(path: str, folder: Path) -> str:
    """Return a path or a pattern; a relative one starts from ``folder``.

    If it does not exist in ``folder`` but in the working directory, it starts from the latter, as in version 0.1. A
    path that begins with ``~`` or with a scheme such as ``hf://`` is not changed.

    Example:
        >>> absolute_path("photos", Path("/project")), absolute_path("~/photos", Path("/project"))
        ('/project/photos', '~/photos')
    """
    if path.startswith("~") or "://" in path or Path(path).is_absolute():
        return path
    here, there = (Path(os.path.normpath(start / path)) for start in (Path.cwd(), folder.resolve()))
    return str(here if not _exists(there) and _exists(here) else there)


def _exists(path: Path) -> bool:
    """Return whether there is such a file or folder, or one that the pattern matches."""
    try:
        parts = path.relative_to(path.anchor)
        return path.exists() or next(Path(path.anchor).glob(str(parts)), None) is not None
    except (OSError, ValueError):  # No file can have this name.
        return False
