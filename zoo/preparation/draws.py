"""Random numbers as a function of a seed and a position: the same on every machine, in any order.

Splits and static binarisation affect metrics, so they must not depend on torch's generators, whose streams may change
with version and device. SplitMix64 needs only a few integer operations, and computes the number at any position without
the previous ones, so data that are read on demand can be read in any order.

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
    """Return a random permutation (count,) of 0 … count - 1, int64.

    Args:
        stream: a name; different streams of the same seed are independent.

    Example:
        >>> permutation(0, "split", 5).sort().values
        tensor([0, 1, 2, 3, 4])
    """
    words = _mix(_key(seed, stream) + _steps(np.arange(count)))
    return torch.from_numpy(np.argsort(words, kind="stable").astype(np.int64))


def uniform(seed: int, stream: str, rows: Tensor, columns: int) -> Tensor:
    """Return random numbers in [0, 1) for the given rows: (R, columns), float32, multiples of 2⁻²⁴.

    Args:
        stream: a name; different streams of the same seed are independent.
        rows: (R,) int64, the numbers of the rows; a row always has the same random numbers.

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
    # An array of one element, since overflow wraps around silently in arrays, but NumPy's scalars give a warning.
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)


def _steps(positions: npt.NDArray[Any]) -> Words:
    return (positions.astype(np.uint64) + np.uint64(1)) * _GAMMA


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
