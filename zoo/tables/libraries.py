"""Optional libraries for tables, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from zoo.errors import DataError

_REMEDY = "Install it: `pip install 'latent-zoo[tables]'`, or `pip install {}` alone."


def library(name: str, purpose: str, *, where: str | None = None) -> Any:
    """Import a library.

    Args:
        purpose: what needs it, the subject of the message.

    Raises:
        DataError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(
            f"{purpose} needs {name}, which is not installed", where=where, remedy=_REMEDY.format(name)
        ) from error
