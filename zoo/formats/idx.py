"""Reads the IDX format, in which MNIST and similar datasets are published, with or without gzip."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.utils.foreign import open_regular

_UNSIGNED_BYTES = 8
_LARGEST = 1_000_000_000
"""Upper limit on the size of an uncompressed file in bytes."""
_BLOCK = 2**20


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
    try:
        with open_regular(path) as raw, gzip.open(raw) if path.suffix == ".gz" else raw as file:
            size = os.fstat(raw.fileno()).st_size if file is raw else None
            shape = _read_shape(path, file, dimensions, size)
            content, wanted = bytearray(), math.prod(shape)
            # At most one byte more is read, to detect a file that is too long. Memory is allocated only for data that
            # exist, whatever the header says.
            while len(content) <= wanted and (block := file.read(min(_BLOCK, wanted + 1 - len(content)))):
                content += block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"it cannot be decompressed ({error})") from error
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error})") from error
    if len(content) != wanted:
        found = "more" if len(content) > wanted else f"{len(content):,}"
        raise damaged(path, f"expected {wanted:,} values, according to its header, got {found}")
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shape)


def _read_shape(path: Path, file: BufferedIOBase, dimensions: int, size: int | None) -> list[int]:
    """Return the shape in the header of an IDX file of bytes.

    Args:
        size: bytes that the file has; None if it is compressed.

    Raises:
        DataError: it is another file, or its values are none, too many, or not as many as there are bytes.
    """
    start = 4 + 4 * dimensions
    header = file.read(start)
    if header[:4] != bytes([0, 0, _UNSIGNED_BYTES, dimensions]) or len(header) < start:
        found = f"one that begins with {header!r}" if header else "0 bytes"
        raise damaged(path, f"expected an IDX file of {dimensions} dimensions, got {found}")
    shape = [int.from_bytes(header[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    promised = start + math.prod(shape)
    if size is not None and size != promised:
        raise damaged(path, f"expected {promised:,} bytes, according to its header, got {size:,}")
    if promised > _LARGEST:
        raise damaged(path, f"expected at most {_LARGEST:,} bytes, got {promised:,}, according to its header")
    if promised == start:
        raise damaged(path, "it is empty")
    return shape


def damaged(path: Path, problem: str) -> DataError:
    """Return the error for a file that exists but cannot be used."""
    return DataError(
        f"{path} is damaged: {problem}",
        where="root",
        remedy="Delete it to have it downloaded again, or use the dataset `digits`, which needs no download.",
    )
