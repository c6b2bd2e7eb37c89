"""Random numbers that are a function of a seed and a position: the same on every machine, in any order.

Splits and static binarisation are part of what a figure was measured on, so they must not depend on
torch's generators, whose streams may change with version and device. SplitMix64 is a few integer operations,
and gives the number at any position without those before it, so that streamed data may be read in any order.

Source:
    Steele, Lea & Flood (2014), Fast Splittable Pseudorandom Number Generators, figure 17.
    https://doi.org/10.1145/2660193.2660195
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Words = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_NUMBERS_AT_ONCE = 1 << 17  # a block of 64-bit words stays in the processor's cache


def permutation(seed: int, stream: str, count: int) -> Tensor:
    """Return a random order (count,) of 0 … count - 1, int64; another ``stream`` gives an unrelated one.

    Example:
        >>> permutation(0, "split", 5).sort().values
        tensor([0, 1, 2, 3, 4])
    """
    words = _mix(_key(seed, stream) + _steps(np.arange(count)))
    return torch.from_numpy(np.argsort(words, kind="stable").astype(np.int64))


def uniform(seed: int, stream: str, rows: Tensor, columns: int) -> Tensor:
    """Return the numbers in [0, 1) that belong to ``rows``: (len(rows), columns), float32, multiples of 2⁻²⁴.

    Args:
        rows: (R,) int64 numbers of the rows; the same row always holds the same numbers.

    Example:
        >>> both = uniform(0, "noise", torch.tensor([7, 3]), columns=4)
        >>> bool((both[1] == uniform(0, "noise", torch.tensor([3]), columns=4)[0]).all())
        True
    """
    keys = _mix(_key(seed, stream) + _steps(rows.cpu().numpy()))
    steps = _steps(np.arange(columns))
    numbers = np.empty((len(keys), columns), dtype=np.float32)
    block = max(1, _NUMBERS_AT_ONCE // max(1, columns))
    for start in range(0, len(keys), block):
        words = _mix(keys[start : start + block, None] + steps)
        numbers[start : start + block] = (words >> np.uint64(40)) * np.float32(2**-24)
    return torch.from_numpy(numbers)


def _key(seed: int, stream: str) -> Words:
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    # An array of one element: arrays of unsigned integers wrap around silently, NumPy's scalars warn.
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)


def _steps(positions: npt.NDArray[Any]) -> Words:
    return (positions.astype(np.uint64) + np.uint64(1)) * _GAMMA


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
