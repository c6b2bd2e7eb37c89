"""The libraries that some sweeps need and the package does not, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from zoo.errors import InputError


def library(name: str, purpose: str) -> Any:
    """Import a library.

    Args:
        purpose: the option that needs it.

    Raises:
        InputError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{purpose} needs {name}, which is not installed",
            where="sweep",
            remedy=f"Install it: `pip install 'latent-zoo[sweep]'`, or `pip install {name}` alone.",
        ) from error
