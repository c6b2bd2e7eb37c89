"""Statistics of the stored training examples, with which they are prepared."""

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
    """Return the scaling to mean 0 and standard deviation 1 of each feature over its observed values in ``store``.

    A constant feature is divided by 1, so that it becomes 0. Booleans and categories of a table are not changed. Sums
    are computed in float64, block by block.

    Args:
        encoding: how rows of a table are encoded; None for other data.

    Raises:
        DataError: a mean or standard deviation cannot be represented in float32.

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
        observed = ~values.isnan()
        added = observed.sum(0, dtype=torch.float64)
        block_mean = torch.where(observed, values, 0.0).sum(0) / added.clamp(min=1)
        shift = torch.where(added > 0, block_mean - mean, 0.0)
        total = (count + added).clamp(min=1)
        deviations = torch.where(observed, values - block_mean, 0.0)
        squares = squares + deviations.square().sum(0) + shift.square() * count * added / total
        mean = mean + shift * added / total
        count = count + added
        low = torch.minimum(low, torch.where(observed, values, math.inf).amin(0))
        high = torch.maximum(high, torch.where(observed, values, -math.inf).amax(0))
    # Because of rounding, a constant feature may have a standard deviation of 1e-17, and must not be divided by it.
    deviation = torch.where(low >= high, 1.0, (squares / count.clamp(min=1)).sqrt())
    if encoding is not None:
        measured = encoding.measured
        mean, deviation = torch.where(measured, mean, 0.0), torch.where(measured, deviation, 1.0)
    _check_representable(mean, deviation, low, high, encoding)
    return Scaling(mean.float(), deviation.float())


def _check_representable(
    mean: Tensor, deviation: Tensor, low: Tensor, high: Tensor, encoding: ColumnEncoding | None
) -> None:
    """Raise an error if means or standard deviations cannot be represented in float32, in which models compute."""
    holds = mean.float().isfinite() & deviation.float().isfinite() & (deviation.float() > 0)
    if bool(holds.all()):
        return
    first = int((~holds).flatten().nonzero()[0])
    name = f"value {first} of an example" if encoding is None else f"the column {encoding.name_of(first)!r}"
    bounds = " to ".join(f"{float(bound.flatten()[first]):.3g}" for bound in (low, high))
    raise DataError(
        f"expected values that can be scaled in 32 bits, got {bounds} in {name}",
        where="data",
        remedy="Use another unit, or the logarithms of the values.",
    )


def holds_missing(stores: Iterable[Store], encoding: ColumnEncoding | None) -> bool:
    """Return whether values of a table are missing, or are categories that the model does not know."""
    if encoding is None:
        return False
    return any(bool(encoding(block).isnan().any()) for store in stores for block in _blocks(store))


def _blocks(store: Store) -> Iterator[Tensor]:
    return (batch.examples for batch in store.batches(_ROWS_AT_ONCE, None, torch.device("cpu")))
