"""What is measured on the training split before it is prepared."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from zoo.data.store import MemoryStore, Store
from zoo.preparation.transforms import Scaling

_ROWS_AT_ONCE = 1000


def standardisation(store: Store) -> Scaling:
    """Return the scaling that gives each feature mean 0 and deviation 1 over ``store``.

    A constant feature keeps deviation 1, so that it becomes 0. Sums are in float64, merged block by block.

    Source:
        Chan, Golub & LeVeque (1983), Algorithms for Computing the Sample Variance, equation 2.1.
        https://doi.org/10.1080/00031305.1983.10483115

    Example:
        >>> store = MemoryStore(torch.tensor([[1.0, 5.0], [3.0, 5.0]]), None, torch.arange(2))
        >>> standardisation(store)(store.examples)
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """
    count, mean, squares, low, high = 0, torch.zeros(()), torch.zeros(()), torch.zeros(()), torch.zeros(())
    for block in _blocks(store):
        values = block.to(torch.float64)
        added, block_mean = len(values), values.mean(0)
        if count == 0:
            mean, squares = torch.zeros_like(block_mean), torch.zeros_like(block_mean)
            low, high = values[0], values[0]
        shift = block_mean - mean
        squares = squares + (values - block_mean).square().sum(0) + shift.square() * count * added / (count + added)
        mean = mean + shift * added / (count + added)
        count += added
        low, high = torch.minimum(low, values.amin(0)), torch.maximum(high, values.amax(0))
    # Rounding may leave a constant feature a deviation of 1e-17, by which it would be blown up.
    deviation = torch.where(low == high, 1.0, (squares / count).sqrt())
    return Scaling(mean.float(), deviation.float())


def holds_grey(store: Store, scaling: Scaling) -> bool:
    """Tell whether scaled values strictly between 0 and 1 occur; of streamed data, in the first examples."""
    blocks = _blocks(store) if isinstance(store, MemoryStore) else islice(_blocks(store), 1)
    return any(bool(((x > 0) & (x < 1)).any()) for x in map(scaling, blocks))


def _blocks(store: Store) -> Iterator[Tensor]:
    return (batch.examples for batch in store.batches(_ROWS_AT_ONCE, None, torch.device("cpu")))
