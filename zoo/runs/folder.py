"""Checks of the directory of a run or of a sweep: it contains no other files, and one process uses it at a time."""

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
    """Check that a path is free or an empty directory.

    Args:
        folder: a directory without a run or a sweep, or a path that does not exist.
        what: ``run`` or ``sweep``, for the message.

    Raises:
        RunError: it is a file, or a directory with other files.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError("expected a directory, got a file", where=str(folder), remedy="Choose another --out.")
    # A process that is killed before it writes its first file leaves `state` and partial files behind.
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if any(entry.name != "state" and not is_partial(entry) for entry in entries):
        raise RunError(
            f"expected an empty directory or one with a {what}, got a directory with other files",
            where=str(folder),
            remedy="Choose another --out, or remove the files yourself.",
        )


def check_own_folders(folder: Path) -> None:
    """Check that no folder of a run or a sweep is a link: writing to it would replace files elsewhere.

    Raises:
        RunError: a folder is a link.
    """
    for pattern in _FOLDERS:
        for place in folder.glob(pattern) if "*" in pattern else [folder / pattern]:
            if place.is_symlink() or (hasattr(os.path, "isjunction") and os.path.isjunction(place)):
                raise RunError(
                    f"expected a folder, got a link to {os.readlink(place)!r}; runs are never written through links",  # noqa: PTH115
                    where=str(place),
                    remedy="Replace it by the folder itself, or remove it; only the whole directory may be a link.",
                )


def is_started(folder: Path) -> bool:
    """Return whether a process has locked the directory before; a recipe may only have been copied there."""
    return (folder / _LOCK).parent.is_dir()


@contextlib.contextmanager
def locked(folder: Path, busy: str) -> Iterator[None]:
    """Keep other processes from working in a directory.

    Args:
        busy: the problem to report if another process holds the lock.

    Raises:
        RunError: another process is working in the directory, or a folder in it is a link.
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
        raise RunError(busy, where=str(folder), remedy="Wait until it ends, or choose another --out.") from error
