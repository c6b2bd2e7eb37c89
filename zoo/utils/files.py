"""Files that are complete or absent: all files of the package are written with these functions."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zoo.errors import InputError
from zoo.utils.foreign import kind_of

_PARTIAL = ".partial"
_BLOCK = 2**16
_PREFIX_LENGTH = 40
"""Number of letters of a file's name in the name of its temporary folder: names are limited to 255 bytes."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` if the block succeeds.

    Readers see either the old file or the complete new one, even after a crash: the bytes are synchronised with the
    disk before the file is renamed. If the block raises, ``path`` is not changed. The temporary path is in its own
    folder beside ``path``, which also takes the temporary files of libraries.

    Raises:
        InputError: ``path`` is a device, a pipe, a link or a directory, which a file must not replace.
        OSError: the disk is full, the place may not be written to, …; the error names ``path``.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "note.txt"
        >>> with replacing(target) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    with replacing_together(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def replacing_together(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """Yield a temporary path for each of several files; no file is replaced before all are complete.

    Raises:
        InputError, OSError: as :func:`replacing`.
    """
    targets = [Path(path) for path in paths]
    for target in targets:
        check_replaceable(target)
    folders: list[Path] = []
    try:
        for target in targets:
            with _naming(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                prefix = f".{target.name[:_PREFIX_LENGTH]}."
                folders.append(Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix, suffix=_PARTIAL)))
        temporaries = tuple(folder / target.name for folder, target in zip(folders, targets, strict=True))
        with _naming(*targets, temporaries=temporaries):
            yield temporaries
        for temporary, target in zip(temporaries, targets, strict=True):
            with _naming(target, temporaries=(temporary,)):
                _make_durable(temporary)
        for temporary, target in zip(temporaries, targets, strict=True):
            with _naming(target, temporaries=(temporary,)):
                temporary.replace(target)
                sync_directory(target.parent)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def replacing_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that is renamed to ``path`` if the block succeeds.

    If the block raises, ``path`` is not created.

    Raises:
        InputError: ``path`` exists, and is not an empty directory.
        OSError: the disk is full, or the place may not be written to.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "images"
        >>> with replacing_directory(target) as folder:
        ...     _ = (folder / "1.txt").write_text("one")
        >>> [file.name for file in target.iterdir()]
        ['1.txt']
    """
    target = Path(path)
    check_free_directory(target)
    with _naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{target.name[:_PREFIX_LENGTH]}."
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix, suffix=_PARTIAL))
    try:
        with _naming(target, temporaries=(temporary / target.name,)):
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _make_durable(file)
            temporary.chmod(0o777 & ~_umask())
            temporary.replace(target)
            sync_directory(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_free_directory(path: str | Path) -> None:
    """Check that a new directory can be created at a path.

    Raises:
        InputError: the path is a link, a file, or a directory that is not empty.
    """
    target = Path(path)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        what = "a link" if target.is_symlink() else "no directory"
        raise InputError(f"it is {what}", where=str(path), remedy="Name a new or an empty directory.")
    if target.is_dir() and any(target.iterdir()):
        raise InputError("the directory is not empty", where=str(path), remedy="Name a new or an empty directory.")


def check_replaceable(path: str | Path) -> None:
    """Check that a path is a file that may be replaced, or does not exist.

    Raises:
        InputError: it is a device, a pipe, a link or a directory.
    """
    target = Path(path)
    try:
        mode = target.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if target.is_symlink():
        raise InputError(
            f"it is a link to {os.readlink(target)!r}, and a file is not written through a link",  # noqa: PTH115
            where=str(path),
            remedy="Name the file that the link leads to, or remove the link.",
        )
    kind = kind_of(mode)
    if kind is not None:
        raise InputError(f"expected a path for a file, got {kind}", where=str(path), remedy="Choose another name.")


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_line(path: str | Path, line: str) -> None:
    """Append a line to a text file, completely or not at all; an incomplete last line is removed first.

    Raises:
        InputError: ``path`` is not a file.
        OSError: there is no such directory, or the disk is full.
    """
    check_replaceable(path)
    with _naming(Path(path)), Path(path).open("ab") as file:
        whole = _end_of_last_line(Path(path))
        try:
            file.truncate(whole)
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(whole)
            raise


def _end_of_last_line(path: Path) -> int:
    """Return the length of a file up to its last line break."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return 0


def remove_partial(directory: str | Path) -> None:
    """Remove incomplete files that a killed process left below ``directory``."""
    for path in list(Path(directory).rglob(f".*{_PARTIAL}")):
        if is_partial(path):
            shutil.rmtree(path, ignore_errors=True)


def is_partial(path: Path) -> bool:
    """Whether a path is a folder that :func:`replacing` works in."""
    return path.name.startswith(".") and path.name.endswith(_PARTIAL) and not path.is_symlink() and path.is_dir()


@contextlib.contextmanager
def _naming(*targets: Path, temporaries: tuple[Path, ...] = ()) -> Iterator[None]:
    """Make errors of the file system name the file to be written instead of the temporary one."""
    try:
        yield
    except OSError as error:
        if type(error) is OSError and error.errno is None:  # NumPy raises this if only a part could be written.
            raise OSError(None, f"cannot be written: {error}", str(targets[0])) from error
        if error.filename2 is not None:  # A renaming has two names.
            raise OSError(error.errno, error.strerror, str(targets[0])) from error
        if error.filename is None or str(error.filename).endswith(_PARTIAL):  # the folder of the temporary file
            error.filename = str(targets[0])
        for temporary, target in zip(temporaries, targets, strict=False):
            if str(error.filename).startswith(str(temporary.parent)):
                error.filename = str(target)
        raise


def _make_durable(temporary: Path) -> None:
    # Some libraries create private files; a result gets the usual permissions of the user's files.
    temporary.chmod(0o666 & ~_umask())
    with temporary.open("rb+") as written:
        os.fsync(written.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_directory(directory: Path) -> None:
    """Synchronise the entries of a directory with the disk."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
