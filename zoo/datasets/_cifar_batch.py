"""Reads the files of CIFAR, which are pickles, without running any code that they refer to."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.formats.idx import damaged
from zoo.utils.foreign import read_bytes, reason

_IMAGE_SHAPE = (3, 32, 32)
LARGEST = 200_000_000
"""Upper limit on the size and the unpickled size in bytes; the published files have 30 million."""
_MOST_STEPS, _MOST_TUPLES = 1_000_000, 25_000
"""Upper limits on the instructions of a pickle, and on those that build a tuple. The published files have 50,000
instructions; if they were written again, the name of each of their 10,000 images may take a tuple."""
_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"}
_PLACES = {"PUT", "BINPUT", "LONG_BINPUT"}


def read_batch(path: Path, classes: int) -> tuple[Tensor, Tensor]:
    """Return the images (N, 3, 32, 32), uint8, and the labels (N,), int64, in one file.

    Arrays in the pickle are replaced by objects that only keep bytes. So no code that the file refers to is imported,
    including NumPy's, whose internal names have changed since the files were written in 2009.

    Args:
        classes: number of classes.

    Raises:
        DataError: the file is damaged or has other content.
    """
    try:
        stored = read_bytes(path, limit=LARGEST)
        _check_steps(stored)
        content = _ArrayUnpickler(io.BytesIO(stored), encoding="bytes").load()
        pixels, labels = content[b"data"], _labels(content[b"labels"])
        images = torch.frombuffer(bytearray(pixels.content), dtype=torch.uint8).reshape(-1, *_IMAGE_SHAPE)
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error.strerror or error})") from error
    except Exception as error:  # for bytes that are not a pickle, the unpickler raises almost any exception
        raise damaged(path, f"expected a batch of CIFAR images ({reason(error)})") from error
    if len(images) != len(labels) or pixels.shape != (len(labels), math.prod(_IMAGE_SHAPE)):
        raise damaged(path, f"expected a label for each of {len(images):,} images, got {len(labels):,}")
    if len(labels) == 0 or not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise damaged(path, f"expected labels from 0 to {classes - 1}")
    return images, labels


def _check_steps(stored: bytes) -> None:
    """Refuse a pickle that Python's reader cannot handle.

    A place in its memo takes the memory of all places before it, and hashing deeply nested tuples overflows the stack.
    """
    tuples = 0
    for number, (step, argument, _) in enumerate(pickletools.genops(stored)):
        tuples += step.name in _TUPLES
        place = argument if step.name in _PLACES and isinstance(argument, int) else 0
        if number > _MOST_STEPS or place > _MOST_STEPS or tuples > _MOST_TUPLES:
            raise pickle.UnpicklingError("expected the instructions of a batch of images, got more")


def _labels(values: object) -> Tensor:
    """Return labels (N,) from a flat list; nested lists, which can contain each other endlessly, are not searched."""
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise pickle.UnpicklingError("expected a list of numbers as labels")
    return torch.tensor(values, dtype=torch.int64)


class _Array:
    """Replaces a NumPy array while unpickling: keeps only its shape and bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, kind, columns_first, self.content = state
        if not isinstance(self.content, bytes):
            raise pickle.UnpicklingError(f"expected bytes, got {type(self.content).__name__}")
        if kind.name not in (b"u1", "u1") or columns_first:
            raise pickle.UnpicklingError(f"expected rows of bytes, got an array of {kind.name!r}")


class _Kind:
    """Replaces a NumPy dtype while unpickling: keeps only its name."""

    def __init__(self, name: bytes | str, *_: object) -> None:
        self.name = name

    def __setstate__(self, _: object) -> None: ...


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays as the classes above, and refuses anything else."""

    encoded = 0

    def _encode(self, text: str, _: object) -> bytes:
        # A pickle of a few bytes can encode the same text many times, so the total is limited.
        self.encoded += len(text)
        if self.encoded > LARGEST:
            raise pickle.UnpicklingError(f"expected at most {LARGEST:,} bytes, got more")
        return text.encode("latin1")

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module.endswith("multiarray"):
            return lambda *_: _Array()
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in this old pickle format
            return self._encode
        replacements = {("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Kind}
        if (module, name) not in replacements:
            raise pickle.UnpicklingError(f"expected only arrays, got a reference to {module}.{name}")
        return replacements[module, name]
