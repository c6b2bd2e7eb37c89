"""Reading the files of CIFAR, which are pickles, without running any code that they name."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.formats.idx import damaged
from zoo.utils.foreign import reason

_IMAGE_SHAPE = (3, 32, 32)
_LARGEST = 200_000_000
"""Bytes that a file may unpack to; those that are published have 30 million."""


def read_batch(path: Path, classes: int) -> tuple[Tensor, Tensor]:
    """Return the images (N, 3, 32, 32), uint8, and the labels (N,), int64, of one file.

    Stand-ins that only keep bytes take the place of the pickle's arrays, so no code that the file names is ever
    imported, nor NumPy's own, whose internal names have changed since 2009.

    Raises:
        DataError: the file is damaged or holds something else.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="bytes").load()
        pixels, labels = content[b"data"], _labels(content[b"labels"])
        images = torch.frombuffer(bytearray(pixels.content), dtype=torch.uint8).reshape(-1, *_IMAGE_SHAPE)
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error})") from error
    except Exception as error:  # bytes that are not a pickle make the unpickler raise nearly anything
        raise damaged(path, f"expected a batch of CIFAR images ({reason(error)})") from error
    if len(images) != len(labels) or pixels.shape != (len(labels), math.prod(_IMAGE_SHAPE)):
        raise damaged(path, f"it has {len(labels):,} labels for {len(images):,} images")
    if len(labels) == 0 or not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise damaged(path, f"expected labels from 0 to {classes - 1}")
    return images, labels


def _labels(values: object) -> Tensor:
    """Return labels (N,); lists of lists, which may hold each other many times, are not gone through."""
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise pickle.UnpicklingError("expected a list of numbers as labels")
    return torch.tensor(values, dtype=torch.int64)


class _Array:
    """Stands in for a NumPy array: keeps its shape and its bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, kind, columns_first, self.content = state
        if kind.name not in (b"u1", "u1") or columns_first:
            raise pickle.UnpicklingError(f"expected rows of bytes, got an array of {kind.name!r}")


class _Kind:
    """Stands in for a NumPy data type: keeps its name."""

    def __init__(self, name: bytes | str, *_: object) -> None:
        self.name = name

    def __setstate__(self, _: object) -> None: ...


class _ArrayUnpickler(pickle.Unpickler):
    encoded = 0

    def _encode(self, text: str, _: object) -> bytes:
        # A few bytes of a pickle are enough to have the same text encoded once more.
        self.encoded += len(text)
        if self.encoded > _LARGEST:
            raise pickle.UnpicklingError(f"it has more than {_LARGEST:,} bytes")
        return text.encode("latin1")

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module.endswith("multiarray"):
            return lambda *_: _Array()
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes into such an old format
            return self._encode
        stand_ins = {("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Kind}
        if (module, name) not in stand_ins:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}")
        return stand_ins[module, name]
