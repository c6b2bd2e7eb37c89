"""Reads batches of stored examples from memory or from disk."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.datasets import Indexable
from zoo.errors import ZooError
from zoo.preparation.augmentation import Augmentation
from zoo.preparation.transforms import Geometry

_Examples = tuple[Tensor, Tensor | None]
"""The stored examples and labels of a batch."""
_Read = _Examples | ZooError
"""What was read, or the error that occurred while reading it."""


class StoredBatch(NamedTuple):
    """A batch of stored examples, after resizing and padding.

    Attributes:
        examples: (B, *data_shape).
        labels: (B,) int64, or None.
        positions: (B,) int64, the index of each example in the split that the dataset stores.
    """

    examples: Tensor
    labels: Tensor | None
    positions: Tensor


class Store(ABC):
    """The stored examples of one split.

    Attributes:
        positions: (N,) int64, the index of each example in the split that the dataset stores.
        labels: (N,) int64, or None.
        names: the names of all examples in that split, which ``positions`` index; None without names.
    """

    positions: Tensor
    labels: Tensor | None
    names: Sequence[str] | None

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of the batches, unless another is given."""

    @abstractmethod
    def batches(self, batch_size: int, order: Tensor | None, device: torch.device) -> Iterator[StoredBatch]:
        """Yield batches of the examples at the indices ``order`` (M,) on ``device``; None: all, in stored order."""

    @abstractmethod
    def take(self, indices: Tensor) -> StoredBatch:
        """Return the examples at ``indices`` (B,) as one batch."""

    @abstractmethod
    def augmented(self, augmentation: Augmentation) -> Store:
        """Return a store of the same examples that are augmented when they are read."""

    @abstractmethod
    def to(self, device: torch.device) -> Store:
        """Return this store with its batches, and its examples in memory, on ``device``."""


class MemoryStore(Store):
    """Examples in one tensor, from which a batch is read with a single gather."""

    def __init__(
        self,
        examples: Tensor,
        labels: Tensor | None,
        positions: Tensor,
        augmentation: Augmentation | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.examples, self.labels, self.positions, self.names = examples, labels, positions, names
        self._augmentation = augmentation

    @property
    def device(self) -> torch.device:
        return self.examples.device

    def batches(self, batch_size: int, order: Tensor | None, device: torch.device) -> Iterator[StoredBatch]:
        if order is None:
            for start in range(0, len(self.examples), batch_size):
                part = slice(start, start + batch_size)
                labels = None if self.labels is None else self.labels[part]
                yield _moved(self._changed(StoredBatch(self.examples[part], labels, self.positions[part])), device)
        else:
            for part in order.to(self.device).split(batch_size) if len(order) else ():
                yield _moved(self.take(part), device)

    def take(self, indices: Tensor) -> StoredBatch:
        indices = indices.to(self.device)
        labels = None if self.labels is None else self.labels.index_select(0, indices)
        examples, positions = self.examples.index_select(0, indices), self.positions.index_select(0, indices)
        return self._changed(StoredBatch(examples, labels, positions))

    def augmented(self, augmentation: Augmentation) -> MemoryStore:
        return MemoryStore(self.examples, self.labels, self.positions, augmentation, self.names)

    def to(self, device: torch.device) -> MemoryStore:
        labels = None if self.labels is None else self.labels.to(device)
        examples, positions = self.examples.to(device), self.positions.to(device)
        return MemoryStore(examples, labels, positions, self._augmentation, self.names)

    def _changed(self, batch: StoredBatch) -> StoredBatch:
        if self._augmentation is None:
            return batch
        return batch._replace(examples=self._augmentation(batch.examples, batch.positions.cpu().numpy()))


class StreamedStore(Store):
    """Examples that are read on demand, in the worker processes of a DataLoader.

    Workers live as long as the store, because starting them takes as long as reading thousands of small examples.
    """

    def __init__(
        self,
        source: Indexable,
        labels: Tensor | None,
        positions: Tensor,
        *,
        geometry: Geometry,
        workers: int,
        device: torch.device,
        augmentation: Augmentation | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.labels, self.positions, self.names = labels, positions, names
        self._reader = _Reader(source, geometry, augmentation)
        self._workers, self._device = workers, device
        self._loaders: dict[tuple[int, bool], _Loader] = {}

    @property
    def device(self) -> torch.device:
        return self._device

    def batches(self, batch_size: int, order: Tensor | None, device: torch.device) -> Iterator[StoredBatch]:
        indices = torch.arange(len(self.positions)) if order is None else order.cpu()
        if len(indices) == 0:
            return
        parts = torch.split(indices, batch_size)
        for read, part in zip(self._read(parts, pinned=device.type == "cuda"), parts, strict=True):
            yield _moved(self._labelled(read, part), device)

    def take(self, indices: Tensor) -> StoredBatch:
        indices = indices.cpu()
        read = _unless_failed(self._reader[self.positions[indices].numpy()])
        return _moved(self._labelled(read, indices), self._device)

    def augmented(self, augmentation: Augmentation) -> StreamedStore:
        return self._copy(self._device, augmentation)

    def to(self, device: torch.device) -> StreamedStore:
        return self._copy(device, self._reader.augmentation)

    def _copy(self, device: torch.device, augmentation: Augmentation | None) -> StreamedStore:
        return StreamedStore(
            self._reader.source,
            self.labels,
            self.positions,
            geometry=self._reader.geometry,
            workers=self._workers,
            device=device,
            augmentation=augmentation,
            names=self.names,
        )

    def _read(self, parts: Sequence[Tensor], *, pinned: bool) -> Iterator[_Examples]:
        # Workers would not help with a single batch, so it is read in this process.
        workers = min(self._workers, _processors()) if len(parts) > 1 else 0
        # A loader can be used for one pass at a time. It is removed during a pass, and stays removed if the pass fails.
        loader = self._loaders.pop((workers, pinned), None) or _Loader(self._reader, workers, pinned)
        try:
            yield from map(_unless_failed, loader.read([self.positions[part].numpy() for part in parts]))
        except GeneratorExit:
            self._loaders[workers, pinned] = loader
            raise
        except BaseException:
            # This ends the workers. The traceback would keep them until the garbage collector finds it, which closes
            # the queues first: the workers would not be told to end, and it would wait five seconds for each.
            del loader
            raise
        self._loaders[workers, pinned] = loader

    def _labelled(self, read: _Examples, indices: Tensor) -> StoredBatch:
        examples, labels = read
        # If the split has the labels, they are not returned with the examples.
        return StoredBatch(examples, labels if self.labels is None else self.labels[indices], self.positions[indices])


class _Reader(Dataset[_Read]):
    """Reads whole batches, so that a worker returns one tensor instead of many.

    Positions are a NumPy array, because every tensor that is passed between processes needs a file descriptor. Expected
    errors are returned, because an error that a worker raises gets the traceback of the worker in its message.
    """

    def __init__(self, source: Indexable, geometry: Geometry, augmentation: Augmentation | None) -> None:
        self.source, self.geometry, self.augmentation = source, geometry, augmentation

    def __getitem__(self, positions: npt.NDArray[np.int64]) -> _Read:
        try:
            examples, labels = self.source.read(positions.tolist())
        except ZooError as error:
            return error
        examples = self.geometry(examples)
        return examples if self.augmentation is None else self.augmentation(examples, positions), labels


class _Loader:
    """A DataLoader whose workers persist from one pass to the next.

    Each pass states the batches to read and their order, so it does not depend on earlier passes.
    """

    def __init__(self, reader: _Reader, workers: int, pinned: bool) -> None:
        self._parts: list[npt.NDArray[np.int64]] = []
        self._loader: DataLoader[_Read] = DataLoader(
            reader,
            batch_size=None,
            sampler=self._parts,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            persistent_workers=workers > 0,
            pin_memory=pinned,
            # The loader draws a seed for its workers at every start. If it were drawn from torch's global generator, it
            # would change the noise of a resumed epoch, which starts the loader once more.
            generator=torch.Generator(),
        )

    def read(self, parts: list[npt.NDArray[np.int64]]) -> Iterator[_Read]:
        """Yield the examples of each of the parts, in order."""
        self._parts[:] = parts
        with warnings.catch_warnings():
            # Python 3.12 warns of every fork while threads are running. The workers only read files and stack tensors
            # in one thread, which torch supports.
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            reads = iter(self._loader)
        yield from reads


def _unless_failed(read: _Read) -> _Examples:
    """Return what was read; raise the error that occurred while reading it."""
    if isinstance(read, ZooError):
        try:
            raise read
        finally:
            del read  # which its traceback refers to: without a cycle, it is freed as soon as it is handled
    return read


def _moved(batch: StoredBatch, device: torch.device) -> StoredBatch:
    if batch.examples.device == device:
        return batch
    # A non-blocking copy is safe only to the GPU. In the other direction it could be read before it is complete.
    non_blocking = device.type == "cuda"
    return StoredBatch(
        batch.examples.to(device, non_blocking=non_blocking),
        None if batch.labels is None else batch.labels.to(device, non_blocking=non_blocking),
        batch.positions,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
