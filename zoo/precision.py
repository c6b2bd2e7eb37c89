"""Densities are computed in float32 or better, also under mixed precision."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Return ``values`` in float32, or in float64 if they are so already."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def full_precision(values: Tensor) -> torch.autocast:
    """Return a context in which autocast is off on the device of ``values``."""
    return torch.autocast(values.device.type, enabled=False)
