"""Reads arrays, tensors and the items of data sets that a user passes in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    default_collate,
)

from zoo.data.items import Items, ItemsOfBatches, ItemsOfColumns, ItemsOfDataset
from zoo.data.labels import labels_of
from zoo.data.reading import ReadItems, read_items, read_once
from zoo.datasets import Indexable
from zoo.errors import DataError, InputError
from zoo.formats.array_rows import Array
from zoo.preparation.images import is_pil_image
from zoo.preparation.raw import dense, stored_examples, tensor_of_numbers
from zoo.spec.data_description import DataDescription

_FORMS = (
    "Pass a NumPy array, a tensor, a DataFrame of pandas or polars, a data set or DataLoader of torch, or a data set "
    "of Hugging Face."
)


@dataclass(frozen=True)
class Given:
    """The examples of one split, as they were passed.

    Attributes:
        examples: (N, …), bool, uint8, int64 or float32; images keep the layout in which they were passed.
        labels: (N,) whole numbers or texts, or None.
        kind: the type of the data, for messages.
        low: the smallest value.
        high: the largest value.
        whole: whether the dtype is an integer type or bool.
        class_names: names of the classes that the labels number, if the data have them.
        channels: number of channels of Pillow images, whose layout is (C, H, W); None for other data.
    """

    examples: Tensor | Indexable
    labels: Array | None
    kind: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    class_names: tuple[str, ...] = ()
    channels: int | None = None

    @property
    def missing(self) -> bool:
        """Whether values are missing, that is NaN in rows of numbers."""
        values = self.examples
        return isinstance(values, Tensor) and values.is_floating_point() and bool(values.isnan().any())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        first = self.examples[0] if isinstance(self.examples, Tensor) else self.examples.read([0])[0][0]
        return tuple(first.shape)

    def __len__(self) -> int:
        return len(self.examples)


def read_given(
    data: Any,
    y: Any = None,
    *,
    name: str = "x",
    like: DataDescription | None = None,
    limit: int,
    note: Callable[[str], None],
) -> Given:
    """Read the examples and labels of one split.

    Args:
        data: the data, in any form that :func:`zoo.load_data` accepts except a DataFrame.
        y: labels, one for each example, or the name of the column that contains them.
        name: the name of the data, for messages.
        like: the description of a model's data; the examples are converted to the form in which those are stored.
        limit: the items of a data set are kept in memory up to this many bytes.
        note: called with a sentence about work that takes long.

    Raises:
        DataError: the type of the data is not known, or values or labels are missing or not numbers.
    """
    if isinstance(data, tuple) and len(data) == 2:
        if y is not None:
            raise DataError(
                "expected labels once, got them in a pair with the examples and as `y`", where=name, remedy="Omit `y`."
            )
        data, y = data
    try:
        items = _items_of(data, y, name)
        if items is not None:
            labels = None if isinstance(y, str) else y
            return _of_items(read_items(items, like=like, limit=limit, note=note), items.kind, labels, name)
        if isinstance(data, IterableDataset) or _is_streaming(data):
            kind = f"iterable {type(data).__name__}"
            return _of_items(read_once(data, y, like=like, limit=limit), kind, None, name)
        return _of_array(data, y, name, like)
    except InputError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(error.problem, where=name, remedy=error.remedy) from error


def _items_of(data: Any, y: Any, name: str) -> Items | None:
    """Return the items of a data set; None if the data are not a data set."""
    label = y if isinstance(y, str) else None
    if isinstance(data, DataLoader):
        return _of_loader(data, label, name)
    if isinstance(data, (Tensor, np.ndarray, IterableDataset)) or _is_array_like(data):
        return None
    if isinstance(data, (list, tuple)):
        are_images = bool(data) and all(map(is_pil_image, data))
        return ItemsOfDataset(data, None, "list of images") if are_images else None
    if not (hasattr(data, "__getitem__") and hasattr(data, "__len__")) or isinstance(data, (str, bytes, Mapping, type)):
        return None
    if hasattr(data, "column_names") and hasattr(data, "features"):
        return ItemsOfColumns(data, label)
    return ItemsOfDataset(data, label, f"torch Dataset {type(data).__name__}")


def _of_loader(loader: DataLoader[Any], label: str | None, name: str) -> Items | None:
    """Return the items of a DataLoader; its batch size and order are not used, since the recipe determines them."""
    if isinstance(loader.dataset, IterableDataset):
        raise DataError(
            "expected a DataLoader of a map-style data set, got one of an IterableDataset",
            where=name,
            remedy="Pass the data set itself, which is then read once and kept in memory.",
        )
    sampler = loader.sampler
    batches = loader.batch_sampler
    known = batches is None or type(batches) is BatchSampler
    if not known or type(sampler) not in (SequentialSampler, RandomSampler, SubsetRandomSampler):
        got = type(sampler if known else batches).__name__
        raise DataError(
            f"expected a DataLoader that reads items in order or at random, got one with a {got}",
            where=name,
            remedy="Pass its data set or a torch.utils.data.Subset. The recipe determines the order and size of "
            "batches (`train.batch_size`).",
        )
    chosen = sorted(sampler.indices) if isinstance(sampler, SubsetRandomSampler) else None
    collate = None if loader.collate_fn is default_collate or batches is None else loader.collate_fn
    kind = f"DataLoader of {type(loader.dataset).__name__}"
    if collate is None:
        inner = _items_of(loader.dataset, label, name)
        if inner is not None:
            inner.kind = kind
            inner.choose(chosen)
            return inner
    items = ItemsOfBatches(loader.dataset, collate or default_collate, label, kind)
    items.choose(chosen)
    return items


def _is_array_like(data: Any) -> bool:
    return hasattr(data, "__array__") or hasattr(data, "__array_interface__")


def _is_streaming(data: Any) -> bool:
    """Return whether data are an iterable data set of Hugging Face."""
    return type(data).__module__.partition(".")[0] == "datasets" and not hasattr(data, "__len__")


def _of_items(read: ReadItems, kind: str, y: Any, name: str) -> Given:
    if y is not None and read.labels is not None:
        raise DataError(
            "expected labels once, got them in the items and as `y`", where=name, remedy="Omit `y`, or name a column."
        )
    labels = read.labels if y is None else labels_of(y, len(read.examples), f"{name} ({len(read.examples)} items)")
    return Given(
        *(read.examples, labels, kind, read.low, read.high, read.whole),
        class_names=read.class_names,
        channels=read.channels,
    )


def _of_array(data: Any, y: Any, name: str, like: DataDescription | None) -> Given:
    if isinstance(y, str):
        raise DataError(
            f"expected labels, got the text {y!r}; only columns of a DataFrame or a data set have names", where="y"
        )
    kind = "torch tensor" if isinstance(data, Tensor) else "numpy array" if _is_array_like(data) else "nested list"
    if like is not None:
        examples = stored_examples(data, like)
    elif isinstance(data, Tensor):
        examples = dense(data, name)
    else:
        if not (_is_array_like(data) or isinstance(data, (list, tuple))):
            raise DataError(f"expected data, got {type(data).__name__}", where=name, remedy=_FORMS)
        examples = _stacked(data, name) if _holds_tensors(data) else tensor_of_numbers(data)
    if examples.is_complex():
        raise DataError(f"expected real numbers, got {examples.dtype}", where=name)
    if like is None:
        if examples.is_floating_point():
            examples = examples.float()
        elif examples.dtype not in (torch.uint8, torch.bool):
            examples = examples.to(torch.int64)
    _check_form(examples, name)
    labels = None if y is None else labels_of(y, len(examples), f"{name} {tuple(examples.shape)}")
    low, high = _bounds(examples, name)
    return Given(examples, labels, kind, low, high, whole=not examples.is_floating_point())


def _holds_tensors(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and bool(data) and all(isinstance(each, Tensor) for each in data)


def _stacked(tensors: Sequence[Tensor], name: str) -> Tensor:
    """Stack tensors of one shape and dtype.

    Raises:
        DataError: they have different shapes or dtypes.
    """
    parts = [dense(each, name) for each in tensors]
    other = next((each for each in parts if (each.shape, each.dtype) != (parts[0].shape, parts[0].dtype)), None)
    if other is not None:
        raise DataError(
            f"expected tensors of one shape and type, got {tuple(parts[0].shape)} of {parts[0].dtype} and "
            f"{tuple(other.shape)} of {other.dtype}",
            where=name,
        )
    return torch.stack(parts)


def _check_form(values: Tensor, name: str) -> None:
    if values.ndim not in (2, 3, 4) or 0 in values.shape:
        raise DataError(
            f"expected examples (N, D), (N, H, W) or (N, C, H, W), got {tuple(values.shape)}",
            where=name,
            remedy="Reshape a single feature to (N, 1): `x.reshape(-1, 1)`." if values.ndim == 1 else _FORMS,
        )


def _bounds(values: Tensor, name: str) -> tuple[float, float]:
    """Return the smallest and largest value; NaN in rows of numbers is a missing value."""
    observed = values.to(torch.uint8) if values.dtype == torch.bool else values
    if values.is_floating_point():
        missing = values.isnan() if values.ndim == 2 else torch.zeros_like(values, dtype=torch.bool)
        wrong = (~values.isfinite() & ~missing).flatten(1).any(1)
        if bool(wrong.any()):
            what = "infinity" if values.ndim == 2 else "NaN or infinity"
            raise DataError(
                f"expected finite numbers in 32 bits, got {what} in example {int(wrong.nonzero()[0])} "
                f"({int(wrong.sum()):,} of {len(values):,} examples)",
                where=name,
                remedy="Leave such examples out, or fill in the values. Only rows of numbers (N, D) may have missing "
                "values, as NaN.",
            )
        observed = values[~missing]
    if not observed.numel():
        raise DataError("expected numbers, got only missing values", where=name)
    low, high = map(float, observed.aminmax())
    return low, high
