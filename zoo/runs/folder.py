"""The directory of a run or of a sweep: free of other files, and used by one process at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.errors import RunError
from zoo.utils.files import check_replaceable, is_partial

_LOCK = "state/lock"
_FOLDERS = ("state", "last", "figures", "checkpoints", "checkpoints/*", "failures", "runs", "runs/*")
"""Folders of a run and of a sweep."""


def check_no_other_files(folder: Path, what: str) -> None:
    """Refuse a path that is a file, or a directory with files of something else.

    Args:
        folder: a directory without a run or a sweep, or a path that does not exist.
        what: ``run`` or ``sweep``.

    Raises:
        RunError: the path cannot be used.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError("a file is in the way", where=str(folder), remedy="Choose another --out.")
    # A process that was killed before it wrote its first file leaves `state` and partial files behind.
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if any(entry.name != "state" and not is_partial(entry) for entry in entries):
        raise RunError(
            f"the directory is not empty and holds no {what}",
            where=str(folder),
            remedy="Choose another --out, or empty it yourself.",
        )


def check_own_folders(folder: Path) -> None:
    """Refuse a run or a sweep of which a folder is a link: what is written there would replace files elsewhere.

    Raises:
        RunError: names the link.
    """
    for pattern in _FOLDERS:
        for place in folder.glob(pattern) if "*" in pattern else [folder / pattern]:
            if place.is_symlink():
                raise RunError(
                    f"it is a link to {os.readlink(place)!r}, and nothing is written through a link",  # noqa: PTH115
                    where=str(place),
                    remedy="Replace it by the folder itself, or remove it. The whole directory may be a link.",
                )


def is_started(folder: Path) -> bool:
    """Return whether a process has locked the directory before, rather than only a recipe having been copied there."""
    return (folder / _LOCK).parent.is_dir()


@contextlib.contextmanager
def locked(folder: Path, busy: str) -> Iterator[None]:
    """Keep other processes from working in a directory.

    Args:
        busy: the problem to report if another process holds the lock.

    Raises:
        RunError: another process works there, or a folder in it is a link.
        OSError: the directory cannot be created; the error names it.
    """
    check_own_folders(folder)
    lock = folder / _LOCK
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    check_replaceable(lock)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout as error:
        raise RunError(busy, where=str(folder), remedy="Wait for it, or choose another --out.") from error
