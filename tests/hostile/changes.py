# ruff: noqa: PTH100, PTH115, PTH118, PTH202 - paths are looked at as strings, without touching the disk
"""Sees every change that this process makes to files below a folder, before it is made, and may prevent it.

Made for forked processes, which end soon: what it installs stays installed.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zoo.checkpoints.weights as weights

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS: dict[str, tuple[int, ...]] = {
    "os.rename": (0, 1), "os.remove": (0,), "os.mkdir": (0,), "os.rmdir": (0,), "os.truncate": (0,), "os.chmod": (0,),
    "os.symlink": (1,), "os.link": (1,), "os.utime": (0,),
}  # fmt: skip
"""Audit events of Python that change files, with the positions of their paths."""
FOLDERS = {"os.rename": 2, "os.remove": 1, "os.mkdir": 2, "os.rmdir": 1}
"""Positions of the descriptors of the folders that the paths are relative to."""
GROWING = {"open", "write", "middle of a write", "os.mkdir", "os.symlink", "os.link"}
"""What a full disk refuses; renaming and removing it allows."""

React = Callable[[int, str, str], None]
"""Called with the number of a change, from 1, its kind and its path."""


class Changes:
    """Counts the changes below a folder."""

    def __init__(self, root: Path, react: React = lambda number, kind, path: None) -> None:
        self.root, self.react, self.count = os.path.realpath(root), react, 0
        self._busy = False

    def see(self, kind: str, path: object) -> None:
        """Count a change, and react to it."""
        if self._busy or not isinstance(path, (str, bytes, os.PathLike)):
            return
        whole = os.path.abspath(os.fsdecode(path))
        if whole == self.root or whole.startswith(self.root + os.sep):
            self._busy = True
            try:
                self.count += 1
                self.react(self.count, kind, whole)
            finally:
                self._busy = False

    def install(self) -> Changes:
        """Begin to look at this process."""
        changes, fsync, save_file = self, os.fsync, weights.save_file

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
                changes.see("open", arguments[0])
            elif event in PATHS:
                folder = arguments[FOLDERS[event]] if event in FOLDERS else -1
                where = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) and folder >= 0 else ""
                paths = [arguments[position] for position in PATHS[event]]
                named = [os.path.join(where, os.fsdecode(p)) for p in paths if isinstance(p, (str, bytes, os.PathLike))]
                inside = [path for path in named if os.path.abspath(path).startswith(changes.root)]
                if inside:
                    changes.see(event, inside[-1])

        def counted_fsync(descriptor: int) -> None:
            changes.see("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
            fsync(descriptor)

        def counted_save_file(tensors: Any, path: Path, metadata: Any = None) -> None:
            try:
                changes.see("open", path)
                save_file(tensors, path, metadata=metadata)
                size = os.path.getsize(path)
                os.truncate(path, size // 2)
                changes.see("middle of a write", path)
                changes._busy = True
                save_file(tensors, path, metadata=metadata)
            except OSError as error:
                # As the library words it.
                raise weights.SafetensorError(
                    f"Error while serializing: I/O error: {error.strerror} (os error {error.errno})"
                ) from error
            finally:
                changes._busy = False

        sys.addaudithook(audit)
        os.fsync, weights.save_file = counted_fsync, counted_save_file
        builtins.open = io.open = _opener(changes)  # type: ignore[assignment]
        return self


def _opener(changes: Changes) -> Callable[..., Any]:
    plain = io.open

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            view = memoryview(data).cast("B")
            changes.see("write", self.name)
            half = super().write(view[: len(view) // 2])
            changes.see("middle of a write", self.name)
            return half + super().write(view[half:])

        def truncate(self, size: int | None = None) -> int:
            changes.see("truncate", self.name)
            return super().truncate(size)

    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
               newline: Any = None, closefd: bool = True, opener: Any = None) -> Any:  # fmt: skip
        if not set(mode) & set("wax+") or isinstance(file, int) or buffering == 0 or opener is not None:
            return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = Raw(file, mode.replace("b", "").replace("t", ""))
        buffer = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        if "b" in mode:
            return buffer
        return io.TextIOWrapper(buffer, encoding, errors, newline, line_buffering=buffering == 1)

    return opened


def kill_at(number: int) -> React:
    """Return what kills this process before the change of this number."""

    def react(count: int, kind: str, path: str) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return react


def fail_from(number: int, code: int, kinds: set[str] = GROWING) -> React:
    """Return what fails with an error of the system from the change of this number on, as a full disk does."""

    def react(count: int, kind: str, path: str) -> None:
        if count >= number and kind in kinds:
            raise OSError(code, os.strerror(code), path)

    return react


def forked(work: Callable[[], object], log: Path | None = None) -> int:
    """Do some work in a forked process; return its exit status, negative for a signal.

    Args:
        log: gets what it prints to both streams.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            where = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(where, 1)
            os.dup2(where, 2)
            work()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended)
