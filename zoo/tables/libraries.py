"""Optional libraries for tables, imported where they are used."""

from __future__ import annotations

from typing import Any

from zoo.errors import DataError
from zoo.utils.libraries import import_library


def library(name: str, purpose: str, *, where: str | None = None) -> Any:
    """Import a library.

    Args:
        purpose: what needs it, the subject of the message.

    Raises:
        DataError: it is not installed, or cannot be imported; the message says what to do.
    """
    remedy = f"Install it: `pip install 'latent-zoo[tables]'`, or `pip install {name}` alone."
    return import_library(name, purpose, install=remedy, where=where, refusal=DataError)
