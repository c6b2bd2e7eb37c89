"""Makes a split of a tensor that the caller has already prepared."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.info import DataInfo
from zoo.data.split import Split
from zoo.data.store import MemoryStore
from zoo.errors import DataError
from zoo.preparation.transforms import Scaling


def split_of_tensor(
    x: Tensor,
    labels: Tensor | None = None,
    *,
    data_range: tuple[float, float] | None = None,
    takes_missing: bool = False,
) -> Split:
    """Return a split of prepared examples, which are used without any change.

    Args:
        x: (N, *data_shape), floating-point.
        labels: (N,) int64, or None.
        data_range: smallest and largest value that an example can have; None: [0, 1] or [-1, 1] if all values are in
            it, else no limit.
        takes_missing: whether NaN is accepted as a missing value, as in tables.

    Raises:
        DataError: the values are not finite floating-point numbers, or there is not one label for each example.

    Example:
        >>> split_of_tensor(torch.rand(5, 1, 8, 8)).info.data_range
        (0.0, 1.0)
    """
    if x.ndim < 2 or not x.is_floating_point():
        raise DataError(
            f"expected floating-point examples of shape (N, *data_shape), got {tuple(x.shape)} of {x.dtype}",
            where="data",
            remedy="Scale the data as in training, for example with `x.float() / 255`.",
        )
    missing = takes_missing and bool(x.isnan().any())
    if not (x.isfinite() | (x.isnan() if missing else False)).all():
        raise DataError("expected finite values, got NaN or infinity", where="data")
    if labels is not None and labels.shape != (len(x),):
        raise DataError(f"expected labels of shape ({len(x)},), got {tuple(labels.shape)}", where="labels")
    known = x[~x.isnan()] if missing else x
    low, high = (known.min().item(), known.max().item()) if known.numel() else (0.0, 0.0)
    bounds = next((b for b in ((0.0, 1.0), (-1.0, 1.0)) if b[0] <= low and high <= b[1]), None)
    info = DataInfo(name="tensor", data_shape=tuple(x.shape[1:]), data_range=data_range or bounds, missing=missing)
    return Split(info, MemoryStore(x, labels, torch.arange(len(x), device=x.device)), Scaling())
