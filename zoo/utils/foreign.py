"""Reading of untrusted files, with limits on their kind and size and with handling of parser errors.

A path may lead to an endless pipe, a device, or a file of unknown size; and parsers raise undocumented errors for
damaged bytes. Every file that the package did not write is therefore opened with :func:`open_regular` or
:func:`read_bytes`, and parsed inside :func:`parsing`.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from zoo.errors import ZooError, cut
from zoo.utils.text import readable_size

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_LONGEST_REASON = 300
_READ = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class NotAFileError(OSError):
    """A path leads to a pipe, a device, a socket or a directory where a file was expected."""


class TooLargeError(OSError):
    """A file is larger than its kind can be."""


def kind_of(mode: int) -> str | None:
    """Return the kind of file at a path, such as a pipe; None for a regular file."""
    return None if stat.S_ISREG(mode) else next((name for test, name in _KINDS if test(mode)), "a special file")


def open_regular(path: str | Path) -> io.BufferedReader:
    """Open a regular file for reading, without waiting for the writer of a pipe.

    Raises:
        NotAFileError: the path is not a regular file.
        OSError: there is no such file, or it may not be read.
    """
    descriptor = os.open(path, _READ)
    try:
        kind = kind_of(os.fstat(descriptor).st_mode)
        if kind is not None:
            raise NotAFileError(None, f"expected a file, got {kind}", str(path))
        return open(descriptor, "rb")  # noqa: PTH123 - the caller closes it
    except BaseException:
        os.close(descriptor)
        raise


def check_regular(path: str | Path) -> int:
    """Check that a path, which another library will open, is a regular file; return its size.

    Raises:
        OSError: as :func:`open_regular`.
    """
    with open_regular(path) as file:
        return os.fstat(file.fileno()).st_size


def read_bytes(path: str | Path, *, limit: int) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes, without relying on its reported size.

    Raises:
        TooLargeError: the file is larger.
        OSError: as :func:`open_regular`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > limit else file.read(limit + 1)
    if size > limit or len(content) > limit:
        found = readable_size(size) if size > limit else "more"
        raise TooLargeError(None, f"expected at most {readable_size(limit)}, got {found}", str(path))
    return content


def read_text(path: str | Path, *, limit: int) -> str:
    """Return the content of a text file in UTF-8; see :func:`read_bytes`.

    Raises:
        UnicodeDecodeError: the file is not UTF-8.
        OSError: as :func:`read_bytes`.
    """
    return read_bytes(path, limit=limit).decode("utf-8").replace("\r\n", "\n")


@contextlib.contextmanager
def parsing(
    where: str | Path | None, refusal: type[ZooError], *, remedy: str | None = None, unread: str | None = None
) -> Iterator[None]:
    """Replace any error of reading and parsing untrusted bytes by one error; the package's own errors pass.

    Keep the block small: a bug of the program inside it would be reported as a fault of the file.

    Args:
        where: the file, or another place for the message; None if the caller adds it.
        refusal: class of the error.
        remedy: remedy for a damaged file.
        unread: remedy for a file that cannot be read at all.
    """
    place = None if where is None else str(where)
    try:
        yield
    except ZooError:
        raise
    except (NotAFileError, TooLargeError) as error:
        raise refusal(str(error.strerror), where=place, remedy=remedy) from error
    except OSError as error:
        raise refusal(f"cannot be read: {error.strerror or error}", where=place, remedy=unread or remedy) from error
    except UnicodeDecodeError as error:
        raise refusal(f"cannot be read: {reason(error)}", where=place, remedy=remedy) from error
    except MemoryError as error:
        raise refusal("does not fit into memory", where=place, remedy=remedy) from error
    except Exception as error:  # Parsers raise almost any error for damaged bytes.
        raise refusal(f"damaged: {reason(error)}", where=place, remedy=remedy) from error


def reason(error: BaseException) -> str:
    """Return the message of a library's error on one line, shortened."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = " ".join(str(error).split())
    return cut(text, _LONGEST_REASON) if text else type(error).__name__
