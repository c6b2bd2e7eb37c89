"""Finds the files of an array and the position of its rows in them; nothing is ever unpickled."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import safe_open

from zoo.errors import DataError
from zoo.formats.array_rows import Array, ArrayRows, Piece, file_errors
from zoo.formats.names import is_system_name
from zoo.utils.foreign import kind_of
from zoo.utils.text import excerpt

_FORMATS = "Formats: .npy, .npz, .safetensors."
_TEXT = (
    f"{_FORMATS} For a table, use the dataset `table`. Save images or series as an array: "
    "`np.save('x.npy', np.loadtxt('x.csv', delimiter=','))`."
)
_LARGEST = 2**60
"""Upper limit on the number of values in an array; no file can hold more."""
_WILDCARD = re.compile(r"[*?[]")


class ArrayFiles:
    """Named arrays in one file, or in several files that each hold a part of every array.

    Args:
        path: a file or a pattern of files.
        examples: the name to give to the array of a ``.npy`` file.
        labels: for ``.npy`` files, the path or pattern of the labels, which is also used as the name of their array.

    Attributes:
        names: the names of the arrays.

    Raises:
        DataError: there is no such file, or a file is damaged, has another format, or holds other arrays than the rest.
    """

    def __init__(self, path: str, examples: str, labels: str | None) -> None:
        self._files = find_files(path, "path")
        suffixes = {file.suffix: file for file in self._files}
        if len(suffixes) > 1:
            one, other = list(suffixes.values())[:2]
            raise DataError(
                f"expected files of one format, got {one} and {other}",
                where="path",
                remedy="Choose a pattern that matches files of one format.",
            )
        self._suffix = self._files[0].suffix
        self._beside = {examples: self._files}
        if self._suffix == ".npy":
            if labels is not None:
                self._beside[labels] = find_files(labels, "labels")
            self.names = list(self._beside)
        elif self._suffix in _NAMES:
            self.names = self._names()
        else:
            remedy = _TEXT if self._suffix in (".csv", ".tsv", ".txt", ".parquet") else _FORMATS
            raise DataError(
                f"expected a file of arrays, got {self._files[0]} with the suffix {self._suffix!r}",
                where="path",
                remedy=remedy,
            )

    def rows(self, name: str) -> ArrayRows:
        """Return one array; only its shape and dtype are read at this point."""
        pieces = []
        for file in self._beside.get(name, self._files) if self._suffix == ".npy" else self._files:
            with file_errors(file):
                pieces.append(_PIECES[self._suffix](file, name))
        return ArrayRows(pieces)

    def _names(self) -> list[str]:
        names: list[list[str]] = []
        for file in self._files:
            with file_errors(file):
                names.append(sorted(_NAMES[self._suffix](file)))
            if names[-1] != names[0]:
                raise DataError(
                    f"expected the same arrays in all files, got {names[0]} in {self._files[0]} and {names[-1]} in "
                    f"{file}",
                    where="path",
                    remedy="Each file that matches the pattern must hold a part of every array.",
                )
        return names[0]


def find_files(path: str, where: str) -> list[Path]:
    """Return the file at a path or, if there is none, the files that match it as a pattern, sorted by name.

    Hidden files and those that operating systems create are ignored.

    Args:
        where: the name of the option, for messages.

    Raises:
        DataError: no file is found; the message names the path or pattern and the folder.
    """
    place = Path(path).expanduser().absolute()
    if place.is_file():
        return [place]
    if (kind := _kind_of(place)) is not None:
        raise DataError(f"expected a file, {place} is {kind}", where=where, remedy=_FORMATS)
    if place.is_dir():
        raise DataError(
            f"expected a file, {place} is a folder", where=where, remedy=f"Name its files: {place / '*.npy'}"
        )
    first = next((number for number, part in enumerate(place.parts) if _WILDCARD.search(part)), None)
    if first is None:
        raise DataError(f"the file {place} does not exist", where=where, remedy=_FORMATS)
    folder, pattern = Path(*place.parts[:first]), Path(*place.parts[first:])
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist", where=where, remedy=f"The pattern is {path}.")
    matches = (file for file in folder.glob(str(pattern)) if file.is_file())
    found = sorted(file for file in matches if not any(map(is_system_name, file.relative_to(folder).parts)))
    if not found:
        raise DataError(
            f"no file matches {pattern} in {folder}, which holds {len(list(folder.iterdir()))} files and folders",
            where=where,
            remedy="* matches any text, ? a single character. Quote the pattern in a shell.",
        )
    return found


def _kind_of(place: Path) -> str | None:
    """Return what a path is if it is neither a file nor a folder, such as a pipe, which could block; else None."""
    try:
        return None if place.is_dir() else kind_of(place.stat().st_mode)
    except (OSError, ValueError):  # nothing exists there, or the name is not valid
        return None


def _npy_piece(path: Path, name: str) -> Piece:
    with path.open("rb") as file:
        shape, by_column, stored = _npy_header(file, path, path.stem)
        offset, size = file.tell(), path.stat().st_size
    promised = offset + math.prod(shape) * stored.itemsize
    if size < promised:
        raise ValueError(f"expected {promised:,} bytes, got {size:,}")
    load = partial(_load_npy, path) if by_column and len(shape) > 1 else None
    return Piece(path, "", shape, stored, offset, load)


def _npy_header(file: IO[bytes], path: Path, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"expected version 1.0 or 2.0 of the format, got {version[0]}.{version[1]}")
    shape, by_column, stored = readers[version](file)
    if stored.hasobject:
        variable = name if name.isidentifier() else "array"
        raise DataError(
            f"expected an array of numbers or texts, got Python objects (dtype {stored}) in {name!r} of {path}, which "
            "are never unpickled",
            where="path",
            remedy=f"Convert texts, such as a column of pandas, with `{variable}.astype(str)` before saving, and "
            f"numbers with `{variable}.astype(float)`. Pad or cut rows of different lengths to one length.",
        )
    if not all(type(size) is int and 0 <= size <= _LARGEST for size in shape) or math.prod(shape) > _LARGEST:
        raise ValueError(f"the shape {shape} is not valid")
    if stored.itemsize == 0 or stored.subdtype is not None:
        raise ValueError(f"the dtype {stored} is not supported")
    return shape, by_column, stored


def _load_npy(path: Path) -> Array:
    with path.open("rb") as file:
        array: Array = np.load(file, allow_pickle=False)
    return array


def _npz_names(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not an .npz archive")
    # The file is opened here, because NumPy does not close a damaged archive that it has opened itself.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = list(archive.files)
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(f"it contains the array {excerpt(twice)} more than once")
    return names


def _npz_piece(path: Path, name: str) -> Piece:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        shape, _, stored = _npy_header(file, path, name)
        size, promised = archive.getinfo(f"{name}.npy").file_size, file.tell() + math.prod(shape) * stored.itemsize
    # Without this check, NumPy would allocate all the memory that the header claims before it reads any data.
    if size < promised:
        raise ValueError(f"expected {promised:,} bytes in {excerpt(name)}, got {size:,}")
    return Piece(path, name, shape, stored, load=partial(_load_npz, path, name))


def _load_npz(path: Path, name: str) -> Array:
    # As in `_npz_names`, so that a damaged archive is closed.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        array: Array = archive[name]
        return array


def _safetensors_names(path: Path) -> list[str]:
    with safe_open(path, framework="pt") as file:
        return list(file.keys())


def _safetensors_piece(path: Path, name: str) -> Piece:
    with safe_open(path, framework="pt") as file:  # checks the header against the size of the file
        part = file.get_slice(name)
        shape = tuple(part.get_shape())
        stored = (part[:0] if shape else file.get_tensor(name)).dtype
    # Rows are not read with safetensors, because it maps the file, and the pages that it has read stay in memory.
    with path.open("rb") as raw:
        size = int.from_bytes(raw.read(8), "little")
        begin = json.loads(raw.read(size))[name]["data_offsets"][0]
    return Piece(path, name, shape, stored, 8 + size + begin)


_PIECES = {".npy": _npy_piece, ".npz": _npz_piece, ".safetensors": _safetensors_piece}
_NAMES = {".npz": _npz_names, ".safetensors": _safetensors_names}
