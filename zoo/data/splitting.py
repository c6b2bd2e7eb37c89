"""Divides stored examples into training, validation and test splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.preparation.draws import permutation
from zoo.spec import DataSpec


@dataclass(frozen=True)
class Part:
    """The examples of one split.

    Attributes:
        stored: the name of the split in which the dataset stores them.
        positions: their indices in that split, (N,), int64, ascending.
    """

    stored: str
    positions: Tensor


def divide(sizes: Mapping[str, int], spec: DataSpec) -> dict[str, Part]:
    """Return the examples of ``train``, ``validation`` and ``test``; splits with a share of 0 are left out.

    A split that the dataset defines is used completely. A missing one is drawn from ``train``: first the test examples
    (the share ``test`` of all), then the validation examples (the share ``validation`` of the rest), then the subset.

    Args:
        sizes: the number of examples in each split of the dataset.
        spec: the shares, the size of the subset, and the seed.

    Raises:
        DataError: there are too few examples for the shares or the subset.

    Example:
        >>> parts = divide({"train": 100}, DataSpec(name="digits", test=0.2, validation=0.25))
        >>> {name: len(part.positions) for name, part in parts.items()}
        {'train': 60, 'validation': 20, 'test': 20}
    """
    order = permutation(spec.split_seed, "split", sizes["train"])
    drawn: dict[str, Part] = {}
    for name, share in (("test", spec.test), ("validation", spec.validation)):
        if name in sizes:
            drawn[name] = Part(name, torch.arange(sizes[name]))
        elif share > 0:
            count = max(1, round(share * len(order)))
            drawn[name], order = Part("train", order[:count].sort().values), order[count:]
    if len(order) == 0:
        raise DataError(
            f"expected more examples, got {sizes['train']}, of which none is left for training",
            where="data",
            remedy="Lower `data.validation` and `data.test`, or use more data.",
        )
    drawn["train"] = Part("train", _subset(order.sort().values, spec))
    return {name: drawn[name] for name in ("train", "validation", "test") if name in drawn}


def _subset(positions: Tensor, spec: DataSpec) -> Tensor:
    if spec.subset is None:
        return positions
    if spec.subset > len(positions):
        raise DataError(
            f"expected a subset of at most {len(positions)} examples, the whole training split, got {spec.subset}",
            where="data.subset",
            remedy="Lower it, omit it to use all examples, or lower `data.validation` and `data.test`.",
        )
    return positions[permutation(spec.split_seed, "subset", len(positions))[: spec.subset]].sort().values
