"""Opening files of arrays, none of which is ever unpickled."""

from __future__ import annotations

import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open

from zoo.errors import DataError

Array = npt.NDArray[Any]
_FORMATS = "Formats: .npy, .npz, .safetensors."


class ArrayFile(ABC):
    """Named arrays in a file."""

    names: list[str]

    @abstractmethod
    def read(self, name: str) -> Array:
        """Return one array whole; the one of a large ``.npy`` file as a view of the disk."""

    def streamed(self, name: str) -> Path | None:
        """Return the file from which an array is to be read row by row, None to hold it in memory."""
        return None


class NpyFile(ArrayFile):
    """One array of examples, and perhaps one of labels in another file."""

    def __init__(self, paths: Mapping[str, Path], limit: int) -> None:
        self.names, self._paths, self._limit = list(paths), paths, limit

    def read(self, name: str) -> Array:
        with told(self._paths[name]):
            return map_npy(self._paths[name])

    def streamed(self, name: str) -> Path | None:
        path = self._paths[name]
        return path if path.stat().st_size > self._limit else None


class ReadFile(ArrayFile):
    """Arrays that are read whole by their name."""

    def __init__(self, path: Path, names: list[str], reader: Callable[[str], Array]) -> None:
        self.names, self._path, self._reader = names, path, reader

    def read(self, name: str) -> Array:
        with told(self._path):
            return self._reader(name)


@contextmanager
def open_array_file(path: str, examples: str, labels: str | None, limit: int) -> Iterator[ArrayFile]:
    """Open a file of arrays by its suffix.

    Args:
        labels: the path of the labels, for a ``.npy`` file.
        limit: bytes up to which a ``.npy`` file is held in memory.

    Raises:
        DataError: there is no such file, or it is damaged or of another format.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise DataError(f"the file {place} does not exist", where="path", remedy=_FORMATS)
    with ExitStack() as stack:
        yield _open(place, examples, labels, limit, stack)


def _open(path: Path, examples: str, labels: str | None, limit: int, stack: ExitStack) -> ArrayFile:
    if path.suffix == ".npy":
        paths = {examples: path} if labels is None else {examples: path, labels: Path(labels).expanduser()}
        if not all(place.is_file() for place in paths.values()):
            remedy = "It is the path of a second .npy file."
            raise DataError(f"the file {labels} does not exist", where="labels", remedy=remedy)
        return NpyFile(paths, limit)
    if path.suffix == ".npz":
        with told(path):
            if not zipfile.is_zipfile(path):
                raise ValueError("it is no archive of arrays")
            archive = stack.enter_context(np.load(path, allow_pickle=False))
            return ReadFile(path, list(archive.files), archive.__getitem__)
    if path.suffix == ".safetensors":
        with told(path):
            tensors = stack.enter_context(safe_open(path, framework="pt"))
            return ReadFile(path, list(tensors.keys()), lambda name: _to_array(tensors.get_tensor(name)))
    raise DataError(f"{path} has the suffix {path.suffix!r}", where="path", remedy=_FORMATS)


def map_npy(path: Path) -> Array:
    """Map a ``.npy`` file into memory; what is not touched is not read."""
    mapped: Array = np.lib.format.open_memmap(path, mode="r")
    return mapped


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what readers of a damaged file raise into a :class:`DataError` that names it."""
    try:
        yield
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, SafetensorError) as error:
        if "object" in str(error).lower():
            raise DataError(
                f"{path} holds Python objects, which are never unpickled",
                where="path",
                remedy="Save numbers in rows of one length: ragged rows become objects.",
            ) from error
        raise DataError(
            f"{path} cannot be read: {error}",
            where="path",
            remedy="The file is damaged or of another format; write it again.",
        ) from error


def _to_array(tensor: torch.Tensor) -> Array:
    # NumPy has no bfloat16 and no 8-bit floats.
    array: Array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return array
