"""Imports of optional libraries."""

from __future__ import annotations

import importlib
from typing import Any

from zoo.errors import InputError, ZooError
from zoo.utils.foreign import reason


def import_library(
    name: str, purpose: str, *, install: str, where: str | None = None, refusal: type[ZooError] = InputError
) -> Any:
    """Import a library; raise an error that says whether it is missing or broken.

    Args:
        purpose: the feature that needs it, the subject of the message.
        install: the remedy if it is not installed.
        refusal: class of the error.

    Raises:
        ZooError: of the class ``refusal``.

    Example:
        >>> import_library("json", "--json", install="pip install json").loads("[1]")
        [1]
    """
    try:
        return importlib.import_module(name)
    except Exception as error:  # The imports of an installed library may raise any error.
        if isinstance(error, ModuleNotFoundError) and error.name in (None, name, name.partition(".")[0]):
            raise refusal(f"{purpose} needs {name}, which is not installed", where=where, remedy=install) from error
        raise refusal(
            f"{purpose} needs {name}, which is installed but cannot be imported: {type(error).__name__}: "
            f"{reason(error)}",
            where=where,
            remedy="Install it again, or in a version that is compatible with the other packages.",
        ) from error
