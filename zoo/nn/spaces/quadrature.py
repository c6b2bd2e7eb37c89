"""Integrals over an interval by Gauss–Legendre quadrature, in float64."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor


@functools.lru_cache(maxsize=8)
def _nodes(count: int) -> tuple[Tensor, Tensor]:
    places, weights = np.polynomial.legendre.leggauss(count)
    return torch.from_numpy((places + 1) / 2), torch.from_numpy(weights / 2)


def gauss_legendre(low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the nodes (…, count) and weights (…, count) of integrals from low to high (…), in float64.

    Example:
        >>> nodes, weights = gauss_legendre(torch.tensor(0.0), torch.tensor(2.0), 10)
        >>> torch.allclose((nodes.exp() * weights).sum(), torch.tensor(2.0).double().exp() - 1)
        True
    """
    places, weights = (values.to(low.device) for values in _nodes(count))
    width = (high - low).double().unsqueeze(-1)
    return low.double().unsqueeze(-1) + width * places, width * weights
