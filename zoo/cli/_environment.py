"""Environment variables that a launcher sets, and errors of libraries about the value of any."""

from __future__ import annotations

import os
import traceback

from zoo.errors import InputError, cut
from zoo.utils.text import excerpt

_READ_BY_LIBRARIES = (
    *("MPLBACKEND", "SOURCE_DATE_EPOCH", "COLUMNS", "LINES", "JUPYTER_COLUMNS", "JUPYTER_LINES"),
    *("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_ENDPOINT"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
)


def environment_error(error: BaseException) -> str | None:
    """Return the message of a library's error that quotes the value of an environment variable; None for other errors.

    Errors of this package name the variable themselves. Numbers, as launchers set them, and empty values are what
    libraries expect, and appear in many messages.
    """
    if not isinstance(error, (ValueError, KeyError, TypeError)):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames or str(frames[-1].f_globals.get("__name__")).partition(".")[0] == "zoo":
        return None
    message = " ".join(str(error).split())
    for name in _READ_BY_LIBRARIES:
        value = os.environ.get(name)
        if value and not value.isdecimal() and repr(value) in message:
            return (
                f"the environment variable {name} has the value {excerpt(value)}, which a library refuses: "
                f"{cut(message, 300)}\nCorrect it, or unset it."
            )
    return None


def is_additional_process() -> bool:
    """Return whether a launcher started this process in addition to the first one.

    Raises:
        InputError: ``RANK`` or ``WORLD_SIZE`` has a value that no launcher sets.
    """
    rank, count = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if rank == "0" or count == "1":
        return False
    if not all(each.isascii() and each.isdecimal() and len(each) < 10 for each in (rank, count)) or int(rank) >= int(
        count
    ):
        raise InputError(
            f"expected the number of a process, below the number of processes, got RANK={excerpt(rank)} and "
            f"WORLD_SIZE={excerpt(count)}",
            where="environment",
            remedy="A launcher such as torchrun sets both; unset them to start a single process.",
        )
    return True
