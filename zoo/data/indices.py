"""Checks of the indices with which examples are requested."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError


def indices_of(indices: Tensor | Sequence[int] | int, size: int) -> Tensor:
    """Return ``indices`` as (M,) int64; for a number of examples, the indices of the first ones.

    Raises:
        DataError: the value is neither whole numbers nor a number of examples.
    """
    try:
        chosen = indices if isinstance(indices, Tensor) else torch.from_numpy(np.asarray(indices))
    except (TypeError, ValueError, RuntimeError):
        chosen = torch.tensor(math.nan)
    if chosen.numel() and (chosen.is_floating_point() or chosen.is_complex() or chosen.dtype == torch.bool):
        raise DataError(f"expected whole numbers, got {indices!r}", where="indices")
    if chosen.ndim:
        return chosen.to(torch.int64)
    if chosen < 0:
        raise DataError(f"expected a number of examples, got {int(chosen)}", where="indices")
    return torch.arange(min(int(chosen), size))


def check_indices(order: Tensor, size: int, where: str) -> None:
    """Raise an error if a tensor does not contain indices (M,), int64, from 0 to ``size`` - 1.

    Args:
        where: the argument that an error names.

    Raises:
        DataError: it does not.
    """
    if order.ndim != 1 or order.dtype != torch.int64:
        got = f"{order.dtype} of shape {tuple(order.shape)}"
        raise DataError(f"expected indices of type int64 and shape (M,), got {got}", where=where)
    if len(order) and not 0 <= int(order.min()) <= int(order.max()) < size:
        got = f"{int(order.min())} to {int(order.max())}"
        raise DataError(f"expected indices from 0 to {size - 1}, got {got}", where=where)
