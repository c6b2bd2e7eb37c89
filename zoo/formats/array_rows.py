"""Arrays in files; only the requested rows are read into memory."""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from zoo.errors import DataError, ZooError
from zoo.utils.foreign import reason

Array = npt.NDArray[Any]
_BLOCK, _MOST_OPEN = 16_000_000, 64


@dataclass(frozen=True)
class Piece:
    """An array in one file.

    Attributes:
        path: the file.
        name: name of the array in the file; "" if it is the only one.
        shape: number of rows, then the shape of a row.
        stored: dtype in the file; a torch dtype where NumPy may lack it.
        offset: the byte at which its rows begin, if they are stored one after another.
        load: reads the whole array, if its rows are not stored one after another; None if they are.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    stored: np.dtype[Any] | torch.dtype
    offset: int = 0
    load: Callable[[], Array] | None = None

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 1


class ArrayRows:
    """The arrays of one or more files, concatenated to one array.

    Attributes:
        shape: number of rows, then the shape of a row.
        dtype: dtype of the rows that :meth:`read` returns: that of the file, or float32 for the floating-point numbers
            of ``.safetensors``.
        nbytes: size on disk in bytes.

    Raises:
        DataError: the shape or dtype of rows differs between two files.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        _check_agreement(pieces)
        self.pieces, first = tuple(pieces), pieces[0]
        self._count = sum(map(len, pieces))
        self.shape = (self._count, *first.shape[1:]) if first.shape else ()
        self.dtype = _decoded(np.zeros(first.stored.itemsize, np.uint8), first.stored).dtype
        self._row_bytes = math.prod(first.shape[1:]) * first.stored.itemsize
        self.nbytes = self._count * self._row_bytes
        self._starts = np.cumsum([0, *map(len, pieces)])[:-1]
        self._offsets = np.array([piece.offset for piece in pieces])
        self._files = _OpenFiles()

    def __len__(self) -> int:
        return self._count

    def __reduce__(self) -> tuple[type[ArrayRows], tuple[tuple[Piece, ...]]]:
        # A worker process opens the files itself.
        return ArrayRows, (self.pieces,)

    @property
    def unstreamable(self) -> Piece | None:
        """The first piece whose rows can only be read all at once; None if every row can be read by its position."""
        return next((piece for piece in self.pieces if piece.load is not None), None)

    def locate(self, index: int) -> str:
        """Return a phrase that names the file of a row and its index in that file, for messages."""
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        piece = self.pieces[number]
        return f"example {index - self._starts[number]} of {piece.name + ' in ' if piece.name else ''}{piece.path}"

    def blocks(self) -> Iterator[Array]:
        """Yield all rows in order, in blocks of some megabytes."""
        size = max(1, _BLOCK // max(1, self._row_bytes))
        for piece in self.pieces:
            parts = [range(at, min(at + size, len(piece))) for at in range(0, len(piece), size)]
            if piece.load is None:
                # Files are read one by one, because the length of stored texts differs between them.
                rows = ArrayRows([piece])
                yield from map(rows.read, parts)
            else:
                with file_errors(piece.path):
                    whole = piece.load()
                yield from (whole[part.start : part.stop] for part in parts)

    def read(self, indices: Sequence[int] | Array) -> Array:
        """Return a copy of the rows (B, …) at ``indices`` (B,).

        Raises:
            IndexError: there is no such row.
            DataError: a file cannot be read, or has become shorter since it was opened.
        """
        rows = np.asarray(indices, dtype=np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"expected rows from 0 to {len(self) - 1}, got {rows.min()} to {rows.max()}")
        which = np.searchsorted(self._starts, rows, side="right") - 1
        offsets = self._offsets[which] + (rows - self._starts[which]) * self._row_bytes
        # Consecutive rows are read at once, for example all rows of a split that is read in order.
        breaks = np.flatnonzero((np.diff(offsets) != self._row_bytes) | (np.diff(which) != 0)) + 1
        begins = np.concatenate([[0], breaks]) if len(rows) else breaks
        ends = np.append(breaks, len(rows)) if len(rows) else breaks
        buffer = np.empty(len(rows) * self._row_bytes, dtype=np.uint8)
        runs = zip(
            *((part * self._row_bytes).tolist() for part in (begins, ends)), offsets[begins].tolist(), strict=True
        )
        self._fill(buffer.data, list(runs), which[begins].tolist())
        return _decoded(buffer, self.pieces[0].stored).reshape(len(rows), *self.shape[1:])

    def _fill(self, memory: memoryview, runs: list[tuple[int, int, int]], numbers: list[int]) -> None:
        """Read each run (begin and end in memory, offset in the file) from the piece of the given number."""
        opened = -1
        for (begin, end, offset), number in zip(runs, numbers, strict=True):
            try:
                if number != opened:
                    file, opened = self._files.get(self.pieces[number].path), number
                file.seek(offset)
                if (count := file.readinto(memory[begin:end])) < end - begin:
                    _read_rest(file, memory[begin + count : end])
            except (OSError, ValueError) as error:
                raise _damaged(self.pieces[number].path, error) from error


class _File(io.FileIO):
    """A file that is closed when it is garbage-collected, without a ``ResourceWarning``."""

    def __del__(self) -> None:
        self.close()


class _OpenFiles(threading.local):
    """Open files, separate in each thread, so that no other thread moves the position between a seek and its read."""

    def __init__(self) -> None:
        self._process, self._files = os.getpid(), dict[Path, _File]()

    def get(self, path: Path) -> _File:
        """Return an open file; if too many are open, the least recently used one is closed."""
        if self._process != os.getpid():
            # A forked process shares the file positions of its parent, so it opens files of its own.
            self._process, self._files = os.getpid(), {}
        file = self._files.pop(path, None) or _File(path)
        self._files[path] = file
        if len(self._files) > _MOST_OPEN:
            self._files.pop(next(iter(self._files))).close()
        return file


def _read_rest(file: _File, memory: memoryview) -> None:
    """Continue a read that returned fewer bytes than requested, as reads of several gigabytes do."""
    while len(memory):
        count = file.readinto(memory)
        if not count:
            raise ValueError(f"the file is {len(memory)} bytes too short")
        memory = memory[count:]


def _decoded(buffer: Array, stored: np.dtype[Any] | torch.dtype) -> Array:
    if isinstance(stored, np.dtype):
        return buffer.view(stored)
    tensor = torch.from_numpy(buffer.reshape(-1, stored.itemsize)).view(stored)
    # NumPy has no bfloat16 and no 8-bit floats.
    array: Array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return array


def _check_agreement(pieces: Sequence[Piece]) -> None:
    for piece in pieces[1:]:
        if _form(piece) != _form(pieces[0]):
            raise DataError(
                f"expected {_form(pieces[0])} in all files, as in {pieces[0].path}, got {_form(piece)} in {piece.path}",
                where="path",
                remedy="The files that match a pattern are read as one array, so their rows must have the same shape "
                "and type.",
            )


def _form(piece: Piece) -> str:
    if not piece.shape:
        return "a single number"
    # The dtype of texts depends on the longest text in a file, so it may differ between files.
    texts = isinstance(piece.stored, np.dtype) and piece.stored.kind == "U"
    return f"rows of shape {piece.shape[1:]} and type {'text' if texts else str(piece.stored).removeprefix('torch.')}"


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Raise any exception from reading a file as a :class:`DataError` that names the file."""
    try:
        yield
    except ZooError:
        raise
    except Exception as error:  # NumPy raises a dozen types of exceptions for a damaged header alone
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} cannot be read: {reason(error)}",
        where="path",
        remedy="The file is damaged or has another format. Save it again.",
    )
