"""Errors of libraries about the value of an environment variable."""

from __future__ import annotations

import os
import traceback

from zoo.errors import cut
from zoo.utils.text import excerpt

_READ_BY_LIBRARIES = (
    *("MPLBACKEND", "SOURCE_DATE_EPOCH", "COLUMNS", "LINES", "JUPYTER_COLUMNS", "JUPYTER_LINES"),
    *("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_ENDPOINT"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    *("ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_BACKEND", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS"),
)


def environment_error(error: BaseException) -> str | None:
    """Return the message of a library's error that quotes the value of an environment variable; None for other errors.

    Errors of this package name the variable themselves.
    """
    if not isinstance(error, (ValueError, KeyError, TypeError)):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames or str(frames[-1].f_globals.get("__name__")).partition(".")[0] == "zoo":
        return None
    message = " ".join(str(error).split())
    for name in _READ_BY_LIBRARIES:
        value = os.environ.get(name)
        if value is not None and repr(value) in message:
            return (
                f"the environment variable {name} has the value {excerpt(value)}, which a library refuses: "
                f"{cut(message, 300)}\nCorrect it, or unset it."
            )
    return None
