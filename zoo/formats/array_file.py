"""Finding the files of an array and the position of its rows; nothing is ever unpickled."""

from __future__ import annotations

import json
import math
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import safe_open

from zoo.errors import DataError
from zoo.formats.array_rows import Array, ArrayRows, Piece, naming_file
from zoo.formats.names import is_system_name
from zoo.utils.foreign import kind_of
from zoo.utils.text import excerpt

_FORMATS = "Formats: .npy, .npz, .safetensors."
_TEXT = (
    f"{_FORMATS} Rows of a table are read by the dataset `table`. Of images or series, save an array: "
    "`np.save('x.npy', np.loadtxt('x.csv', delimiter=','))`."
)
_LARGEST = 2**60
"""More numbers than any file can hold."""
_WILDCARD = re.compile(r"[*?[]")


class ArrayFiles:
    """Named arrays in a file, or in files that hold a part of each.

    Args:
        path: a file or a pattern of files.
        examples: what the array of a ``.npy`` file is called.
        labels: path or pattern of the labels of a ``.npy`` file, which is also the name of their array.

    Attributes:
        names: names of the arrays.

    Raises:
        DataError: there is no such file, or one is damaged, of another format, or holds other arrays.
    """

    def __init__(self, path: str, examples: str, labels: str | None) -> None:
        self._files = find_files(path, "path")
        suffixes = {file.suffix: file for file in self._files}
        if len(suffixes) > 1:
            one, other = list(suffixes.values())[:2]
            raise DataError(f"{one} and {other} are of different formats", where="path", remedy="Narrow the pattern.")
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
            raise DataError(f"{self._files[0]} has the suffix {self._suffix!r}", where="path", remedy=remedy)

    def rows(self, name: str) -> ArrayRows:
        """Return one array, of which only the shape and type are read."""
        pieces = []
        for file in self._beside.get(name, self._files) if self._suffix == ".npy" else self._files:
            with naming_file(file):
                pieces.append(_PIECES[self._suffix](file, name))
        return ArrayRows(pieces)

    def _names(self) -> list[str]:
        names: list[list[str]] = []
        for file in self._files:
            with naming_file(file):
                names.append(sorted(_NAMES[self._suffix](file)))
            if names[-1] != names[0]:
                raise DataError(
                    f"{self._files[0]} holds the arrays {names[0]}, but {file} holds {names[-1]}",
                    where="path",
                    remedy="Each file of a pattern holds a part of every array.",
                )
        return names[0]


def find_files(path: str, where: str) -> list[Path]:
    """Return the file of that name, or else those that match the pattern, in the order of their names.

    Hidden files, and those that systems leave behind, match no pattern.

    Raises:
        DataError: there is none; the message says what was looked for, and where.
    """
    place = Path(path).expanduser().absolute()
    if place.is_file():
        return [place]
    if (kind := _kind_of(place)) is not None:
        raise DataError(f"expected a file, {place} is {kind}", where=where, remedy=_FORMATS)
    if place.is_dir():
        raise DataError(f"{place} is a folder", where=where, remedy=f"Name its files: {place / '*.npy'}")
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
            remedy="* stands for any text, ? for one character; quote the pattern in a shell.",
        )
    return found


def _kind_of(place: Path) -> str | None:
    """Name what a path is if it is neither a file nor a folder, such as a pipe, which could block forever."""
    try:
        return None if place.is_dir() else kind_of(place.stat().st_mode)
    except (OSError, ValueError):  # nothing is there, or no file can have this name
        return None


def _npy_piece(path: Path, name: str) -> Piece:
    with path.open("rb") as file:
        shape, by_column, stored = _npy_header(file, path, path.stem)
        offset, size = file.tell(), path.stat().st_size
    promised = offset + math.prod(shape) * stored.itemsize
    if size < promised:
        raise ValueError(f"it has {size:,} of {promised:,} bytes")
    load = partial(_load_npy, path) if by_column and len(shape) > 1 else None
    return Piece(path, "", shape, stored, offset, load)


def _npy_header(file: IO[bytes], path: Path, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"its version is {version[0]}.{version[1]}")
    shape, by_column, stored = readers[version](file)
    if stored.hasobject:
        variable = name if name.isidentifier() else "array"
        raise DataError(
            f"the array {name!r} in {path} holds Python objects (dtype {stored}), which are never unpickled",
            where="path",
            remedy=f"Save texts, such as a column of pandas, with `{variable}.astype(str)`, and numbers with "
            f"`{variable}.astype(float)`. Rows of different lengths are not an array: pad or cut them.",
        )
    if not all(type(size) is int and 0 <= size <= _LARGEST for size in shape) or math.prod(shape) > _LARGEST:
        raise ValueError(f"its shape is {shape}")
    if stored.itemsize == 0 or stored.subdtype is not None:
        raise ValueError(f"its type is {stored}")
    return shape, by_column, stored


def _load_npy(path: Path) -> Array:
    with path.open("rb") as file:
        array: Array = np.load(file, allow_pickle=False)
    return array


def _npz_names(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not an .npz archive")
    # NumPy leaves a damaged archive open that it has opened itself.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = list(archive.files)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it holds the array {excerpt(twice)} more than once")
    return names


def _npz_piece(path: Path, name: str) -> Piece:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        shape, _, stored = _npy_header(file, path, name)
        size, promised = archive.getinfo(f"{name}.npy").file_size, file.tell() + math.prod(shape) * stored.itemsize
    # Without this, memory for all that the header claims is taken before a byte of it is read.
    if size < promised:
        raise ValueError(f"{excerpt(name)} has {size:,} of {promised:,} bytes")
    return Piece(path, name, shape, stored, load=partial(_load_npz, path, name))


def _load_npz(path: Path, name: str) -> Array:
    # NumPy leaves a damaged archive open that it has opened itself.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        array: Array = archive[name]
        return array


def _safetensors_names(path: Path) -> list[str]:
    with safe_open(path, framework="pt") as file:
        return list(file.keys())


def _safetensors_piece(path: Path, name: str) -> Piece:
    with safe_open(path, framework="pt") as file:  # which checks that the header and the file's size agree
        part = file.get_slice(name)
        shape = tuple(part.get_shape())
        stored = (part[:0] if shape else file.get_tensor(name)).dtype
    # The reader of safetensors maps the file, and the pages that it has touched stay in memory.
    with path.open("rb") as raw:
        size = int.from_bytes(raw.read(8), "little")
        begin = json.loads(raw.read(size))[name]["data_offsets"][0]
    return Piece(path, name, shape, stored, 8 + size + begin)


_PIECES = {".npy": _npy_piece, ".npz": _npz_piece, ".safetensors": _safetensors_piece}
_NAMES = {".npz": _npz_names, ".safetensors": _safetensors_names}
