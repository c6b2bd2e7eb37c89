"""Densities are computed in float32 or better, also under mixed precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

_UNCHANGED = nullcontext()


def at_least_float32(values: Tensor) -> Tensor:
    """Return ``values`` in float32; float64 values are returned unchanged."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def full_precision(values: Tensor) -> AbstractContextManager[object]:
    """Return a context in which autocast is off on the device of ``values``."""
    return without_autocast(values.device.type)


def without_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context in which autocast is off on devices of a type, such as ``"cpu"``."""
    # Usually it is already off, and entering the context takes as long as an operation on a small batch.
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else _UNCHANGED
