"""Failures of commands: the message and the exit status of each."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import traceback
from pathlib import Path

import click

from zoo.cli._environment import environment_error
from zoo.cli._fields import field_for, set_for
from zoo.cli._output import echo
from zoo.errors import OtherProcessError, ZooError, ZooWarning, cut

FAILED, BAD_INPUT = 1, 2
_LONGEST = 4000
_ALLOCATION = re.compile(r"can't allocate memory|out of memory|Unable to allocate|DefaultCPUAllocator", re.IGNORECASE)
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_TRACEBACK = "ZOO_TRACEBACK"
"""The environment variable that shows the traceback of an error in a component of the user."""
_SMALLER = "Make the model, the data or the batch smaller, or use a machine with more memory."
_ROOM = "Make room, or write to another disk."

_DISK: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", _ROOM),
    errno.EDQUOT: ("the disk quota is used up", _ROOM),
    errno.EFBIG: ("the file would be larger than the disk or a limit allows", _ROOM),
    errno.EACCES: ("permission denied", "Check who may read and write there, or name another place."),
    errno.EPERM: ("permission denied", "Check who may read and write there, or name another place."),
    errno.EROFS: ("the file system is read-only", "Write to another place."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter one."),
    errno.EISDIR: ("expected a file, got a directory", "Name a file."),
    errno.ENOTDIR: ("a file is in the way of a directory", "Choose another place."),
    errno.EEXIST: ("the path already exists", "Choose another place."),
    errno.ENOTEMPTY: ("the directory is not empty", "Choose another place."),
    errno.ENOENT: ("there is no such file or directory", "Check the name."),
    errno.ELOOP: ("the symbolic links form a circle", "Name a file without such links."),
    errno.EMFILE: ("too many files are open", "Raise the limit with `ulimit -n`."),
    errno.ENFILE: ("too many files are open on this machine", "Close other programs."),
    errno.EIO: ("the disk reports an error", "Check the disk and its connection."),
    errno.ESTALE: ("the network file system has lost the file", "Mount it again, and repeat the command."),
    errno.ENOMEM: ("the machine has no more memory", _SMALLER),
    errno.EBADF: ("the stream is closed", "Redirect the output to a file or to /dev/null."),
}


def failure(error: BaseException) -> tuple[str, int] | None:
    """Return the message and the exit status of an expected failure; None for a bug of the program.

    The message is empty if the failure was already reported, or if the reader of the output has closed it.
    """
    if isinstance(error, OtherProcessError):
        return "", error.exit_status
    if isinstance(error, ZooError):
        return str(error), error.exit_status
    if isinstance(error, ZooWarning):
        return str(error), BAD_INPUT
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        hint = field_for(error) if isinstance(error, click.NoSuchOption) else set_for(error)
        return f"{shown.getvalue().rstrip()}{hint}", error.exit_code
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return "Stopped.", FAILED
    if isinstance(error, BrokenPipeError):
        return "", FAILED
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _ALLOCATION.search(str(error))):
        return f"there is not enough memory ({_first_line(error)})\n{_SMALLER}", FAILED
    if isinstance(error, OSError):
        return _system_error(error), FAILED
    if type(error).__name__ == "SafetensorError":
        code = _SYSTEM_ERROR.search(str(error))
        return (_system_error(OSError(int(code[1]), "")) if code else f"damaged weights: {_first_line(error)}"), FAILED
    message = None if os.environ.get(_TRACEBACK) else _component_error(error) or environment_error(error)
    return None if message is None else (message, FAILED)


def report_failure(error: BaseException) -> int | None:
    """Print the message of an expected failure; return the exit status, None for a bug of the program."""
    found = failure(error)
    if found is None:
        return None
    message, status = found
    if message:
        rank = os.environ.get("RANK", "0")  # set by launchers of several processes
        named = isinstance(error, (click.ClickException, click.Abort, KeyboardInterrupt))
        prefix = "" if named else "Error: " if rank == "0" else f"Process {rank}: error: "
        print_message(f"{prefix}{message}")
    return status


def print_message(message: str) -> None:
    """Print a message to standard error, unless it is closed."""
    if sys.stderr is not None:
        try:
            echo(cut(message, _LONGEST), err=True)
        except (OSError, ValueError):  # it is closed, or a broken pipe
            _abandon(sys.stderr)


def finish(status: int) -> int:
    """Flush the output, while a failure can still be reported; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError) as error:
            _abandon(stream)
            is_first, status = status == 0, status or FAILED  # one message is enough
            if not is_first or stream is not sys.stdout:
                continue
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                error.filename = "standard output"
                report_failure(error)
    return status


def _abandon(stream: object) -> None:
    """Discard the buffer of a stream, because Python would try to write it again at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined]
        os.close(null)
    except (OSError, ValueError, AttributeError):
        pass


def _component_error(error: BaseException) -> str | None:
    """Return the message of an error that was raised in a script or a plug-in, or in a library that it called.

    None if it was raised in this package, even if a script had called it.
    """
    imports, registry = (sys.modules.get(f"zoo.registry{name}") for name in (".imports", ""))
    if imports is None or registry is None:
        return None
    place, component = None, None
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == "zoo":
            break
        if imports.is_foreign(module):
            code = frame.f_code
            place = place or f"{code.co_filename}:{line}, in {code.co_name}"
            component = component or registry.name_of(type(frame.f_locals.get("self")))
    if place is None:
        return None
    what = "code outside the package" if component is None else "the {} {!r}".format(*component)
    message = cut(str(error).strip(), 1000)
    return (
        f"{what} failed: {type(error).__name__}{f': {message}' if message else ''}\n{place}\n"
        f"To see the whole traceback, set {_TRACEBACK}=1 in the environment."
    )


def _system_error(error: OSError) -> str:
    problem, remedy = _DISK.get(error.errno or 0, (error.strerror or _first_line(error), ""))
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    if error.errno == errno.ENOENT and not _has_working_directory():
        problem, remedy = "the working directory was removed", "Change to another directory, and try again."
    return f"{place}{problem}" + (f"\n{remedy}" if remedy else "")


def _has_working_directory() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return cut(lines[0], 200) if lines else type(error).__name__
