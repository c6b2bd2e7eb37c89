"""Reads the IDX format, in which MNIST and similar datasets are published, with or without gzip."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.utils.foreign import open_regular

_UNSIGNED_BYTES = 8
_LARGEST = 1_000_000_000
"""Upper limit on the size of an uncompressed file in bytes."""


def read_idx(path: Path, dimensions: int) -> Tensor:
    """Return the uint8 tensor in an IDX file, with the given number of dimensions.

    The header consists of two zero bytes, the type of the values (8: unsigned bytes), the number of dimensions, and
    the size of each dimension as a big-endian 32-bit integer.

    Raises:
        DataError: the file cannot be read, is not an IDX file of bytes with this number of dimensions, or its size is
            not the one in its header.

    Source:
        LeCun, Cortes & Burges, The MNIST database of handwritten digits, "File formats".
        https://yann.lecun.org/exdb/mnist/
    """
    content = _read(path)
    start = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, _UNSIGNED_BYTES, dimensions]) or len(content) < start:
        found = f"{len(content):,} bytes that begin with {content[:16]!r}"
        raise damaged(path, f"expected an IDX file of {dimensions} dimensions, got {found}")
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    promised = start + math.prod(shape)
    if len(content) != promised:
        raise damaged(path, f"expected {promised:,} bytes, according to its header, got {len(content):,}")
    if promised == start:
        raise damaged(path, "it is empty")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).reshape(shape)


def damaged(path: Path, problem: str) -> DataError:
    """Return the error for a file that exists but cannot be used."""
    return DataError(
        f"{path} is damaged: {problem}",
        where="root",
        remedy="Delete it to have it downloaded again, or use the dataset `digits`, which needs no download.",
    )


def _read(path: Path) -> bytes:
    """Return the uncompressed content of a file, up to the limit on its size."""
    try:
        with open_regular(path) as raw, gzip.open(raw) if path.suffix == ".gz" else raw as file:
            content = file.read(_LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"it cannot be decompressed ({error})") from error
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error})") from error
    if len(content) > _LARGEST:
        raise damaged(path, f"expected at most {_LARGEST:,} bytes, got more")
    return content
