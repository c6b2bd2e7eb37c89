"""Imports of optional libraries that only some sweeps need."""

from __future__ import annotations

from typing import Any

from zoo.utils.libraries import import_library


def library(name: str, purpose: str) -> Any:
    """Import a library.

    Args:
        purpose: the option that needs it.

    Raises:
        InputError: it is not installed, or cannot be imported.
    """
    remedy = f"Install it: `pip install 'latent-zoo[sweep]'`, or `pip install {name}` alone."
    return import_library(name, purpose, install=remedy, where="sweep")
