"""Statistics of the training split, computed before it is prepared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from zoo.data.store import Store
from zoo.errors import DataError
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.transforms import Scaling

_ROWS_AT_ONCE = 1000


def standardisation(store: Store, encoding: ColumnEncoding | None = None) -> Scaling:
    """Return the scaling that gives each feature mean 0 and deviation 1 over the values that ``store`` holds of it.

    A constant feature keeps deviation 1, so that it becomes 0. Truth values and categories of a table are left as they
    are. Sums are in float64, merged block by block.

    Raises:
        DataError: a mean or a deviation is too large, or a deviation too small, for 32-bit numbers.

    Source:
        Chan, Golub & LeVeque (1983), Algorithms for Computing the Sample Variance, equation 2.1.
        https://doi.org/10.1080/00031305.1983.10483115

    Example:
        >>> from zoo.data.store import MemoryStore
        >>> store = MemoryStore(torch.tensor([[1.0, 5.0], [3.0, 5.0]]), None, torch.arange(2))
        >>> standardisation(store)(store.examples)
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """
    zero = torch.zeros((), dtype=torch.float64)
    count, mean, squares, low, high = zero, zero, zero, zero + math.inf, zero - math.inf
    for block in _blocks(store):
        values = (block if encoding is None else encoding(block)).to(torch.float64)
        there = ~values.isnan()
        added = there.sum(0, dtype=torch.float64)
        known = torch.where(there, values, 0.0)
        block_mean = known.sum(0) / added.clamp(min=1)
        shift = torch.where(added > 0, block_mean - mean, 0.0)
        total = (count + added).clamp(min=1)
        deviations = torch.where(there, values - block_mean, 0.0)
        squares = squares + deviations.square().sum(0) + shift.square() * count * added / total
        mean = mean + shift * added / total
        count = count + added
        low = torch.minimum(low, torch.where(there, values, math.inf).amin(0))
        high = torch.maximum(high, torch.where(there, values, -math.inf).amax(0))
    # Rounding may leave a constant feature a deviation of 1e-17, by which it would be blown up.
    deviation = torch.where(low >= high, 1.0, (squares / count.clamp(min=1)).sqrt())
    if encoding is not None:
        measured = encoding.measured
        mean, deviation = torch.where(measured, mean, 0.0), torch.where(measured, deviation, 1.0)
    _check_representable(mean, deviation, low, high, encoding)
    return Scaling(mean.float(), deviation.float())


def _check_representable(
    mean: Tensor, deviation: Tensor, low: Tensor, high: Tensor, encoding: ColumnEncoding | None
) -> None:
    """Refuse means and deviations that 32-bit numbers, with which models compute, cannot hold."""
    holds = mean.float().isfinite() & deviation.float().isfinite() & (deviation.float() > 0)
    if bool(holds.all()):
        return
    first = int((~holds).flatten().nonzero()[0])
    name = f"value {first} of an example" if encoding is None else f"the column {encoding.name_of(first)!r}"
    bounds = " to ".join(f"{float(bound.flatten()[first]):.3g}" for bound in (low, high))
    raise DataError(
        f"expected values that 32-bit numbers can hold, got {bounds} in {name}",
        where="data",
        remedy="Store them in another unit, or their logarithms.",
    )


def holds_missing(stores: Iterable[Store], encoding: ColumnEncoding | None) -> bool:
    """Tell whether values of a table are missing, or are categories that the model does not know."""
    if encoding is None:
        return False
    return any(bool(encoding(block).isnan().any()) for store in stores for block in _blocks(store))


def _blocks(store: Store) -> Iterator[Tensor]:
    return (batch.examples for batch in store.batches(_ROWS_AT_ONCE, None, torch.device("cpu")))
