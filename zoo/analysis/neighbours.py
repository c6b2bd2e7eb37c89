"""Nearest neighbours among a few thousand points: distances in blocks that fit in memory, and votes of neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.errors import DataError

_BLOCK = 1 << 24
"""Number of distances in memory at a time."""


def distance_blocks(rows: Tensor, columns: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield Euclidean distances (B, M) of the rows (N, d) to all columns (M, d), a block of rows at a time."""
    size = max(1, _BLOCK // max(1, len(columns)))
    for start in range(0, len(rows), size):
        block = slice(start, min(start + size, len(rows)))
        yield block, torch.cdist(rows[block], columns)


def neighbour_radius(points: Tensor, k: int) -> Tensor:
    """Return the distance of each point (N, d) to its k-th nearest neighbour other than itself, (N,).

    Raises:
        DataError: there are k points or fewer.

    Example:
        >>> neighbour_radius(torch.tensor([[0.0], [1.0], [3.0]]), k=1)
        tensor([1., 1., 2.])
    """
    if len(points) <= k:
        raise DataError(f"expected more than k = {k} points, got {len(points)}", where="neighbours")
    # The nearest of all is the point itself, at distance 0.
    return torch.cat([block.kthvalue(k + 1, dim=1).values for _, block in distance_blocks(points, points)])


def neighbours_vote(points: Tensor, known: Tensor, labels: Tensor, *, k: int = 10, same: bool = False) -> Tensor:
    """Return the most frequent label among the k nearest known points, for each point, (N,) int64.

    On a tie, the label with the nearer neighbours wins.

    Args:
        points: (N, d).
        known: (M, d) points with labels (M,).
        same: whether ``points`` are ``known``; no point is then its own neighbour.

    Raises:
        DataError: fewer than k known points.

    Source:
        Cover & Hart (1967), Nearest Neighbor Pattern Classification. https://doi.org/10.1109/TIT.1967.1053964

    Example:
        >>> known = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
        >>> neighbours_vote(torch.tensor([[0.5], [9.0]]), known, torch.tensor([0, 0, 1, 1]), k=2)
        tensor([0, 1])
    """
    if len(known) < k + same:
        raise DataError(f"expected at least {k + same} points with labels, got {len(known)}", where="neighbours")
    classes, targets = labels.unique(return_inverse=True)
    # The extra weights add up to less than one vote, so they only decide between equal numbers of votes.
    weights = 1 + torch.linspace(0.5, 0.0, k, dtype=torch.float64) / k
    chosen = []
    for block, distances in distance_blocks(points, known):
        if same:
            distances[torch.arange(len(distances)), torch.arange(block.start, block.stop)] = torch.inf
        nearest = targets[distances.topk(k, largest=False).indices]
        votes = torch.zeros(len(nearest), len(classes), dtype=torch.float64)
        votes.scatter_add_(1, nearest, weights.expand(len(nearest), k))
        chosen.append(classes[votes.argmax(1)])
    return torch.cat(chosen)
