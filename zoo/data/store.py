"""Where stored examples are read from, a batch at a time: memory, or a reader of single examples."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.data.preparation import Geometry
from zoo.datasets import Indexable
from zoo.errors import ZooError


class StoredBatch(NamedTuple):
    """Examples as they are stored, with resizing and padding done.

    Attributes:
        examples: (B, *data_shape).
        labels: (B,) int64, or None.
        positions: (B,) where each stands in the split that the dataset stores.
    """

    examples: Tensor
    labels: Tensor | None
    positions: Tensor


class Store(ABC):
    """The stored examples of one split.

    Attributes:
        positions: (N,) where each example stands in the split that the dataset stores.
        labels: (N,) int64, or None.
    """

    positions: Tensor
    labels: Tensor | None

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where batches are put unless told otherwise."""

    @abstractmethod
    def batches(self, batch_size: int, order: Tensor | None, device: torch.device) -> Iterator[StoredBatch]:
        """Yield the examples that ``order`` (M,) names, or all, in that order, on ``device``."""

    @abstractmethod
    def take(self, indices: Tensor) -> StoredBatch:
        """Return the examples that ``indices`` (B,) names as one batch."""

    @abstractmethod
    def to(self, device: torch.device) -> Store:
        """Return the same store with its batches, and what it holds in memory, on ``device``."""


class MemoryStore(Store):
    """Examples in one tensor: a batch is one gather, without a loader or a loop over examples."""

    def __init__(self, examples: Tensor, labels: Tensor | None, positions: Tensor) -> None:
        self.examples, self.labels, self.positions = examples, labels, positions

    @property
    def device(self) -> torch.device:
        return self.examples.device

    def batches(self, batch_size: int, order: Tensor | None, device: torch.device) -> Iterator[StoredBatch]:
        if order is None:
            for start in range(0, len(self.examples), batch_size):
                part = slice(start, start + batch_size)
                labels = None if self.labels is None else self.labels[part]
                yield _moved(StoredBatch(self.examples[part], labels, self.positions[part]), device)
        else:
            order = order.to(self.device)
            for start in range(0, len(order), batch_size):
                yield _moved(self.take(order[start : start + batch_size]), device)

    def take(self, indices: Tensor) -> StoredBatch:
        indices = indices.to(self.device)
        labels = None if self.labels is None else self.labels.index_select(0, indices)
        return StoredBatch(self.examples.index_select(0, indices), labels, self.positions.index_select(0, indices))

    def to(self, device: torch.device) -> MemoryStore:
        labels = None if self.labels is None else self.labels.to(device)
        return MemoryStore(self.examples.to(device), labels, self.positions.to(device))


class StreamedStore(Store):
    """Examples that are read one at a time: worker processes of a DataLoader put batches together."""

    def __init__(
        self,
        source: Indexable,
        labels: Tensor | None,
        positions: Tensor,
        *,
        geometry: Geometry,
        workers: int,
        device: torch.device,
    ) -> None:
        self.labels, self.positions = labels, positions
        self._reader = _Reader(source, geometry)
        self._workers, self._device = workers, device

    @property
    def device(self) -> torch.device:
        return self._device

    def batches(self, batch_size: int, order: Tensor | None, device: torch.device) -> Iterator[StoredBatch]:
        indices = torch.arange(len(self.positions)) if order is None else order.cpu()
        if len(indices) == 0:
            return
        parts = torch.split(indices, batch_size)
        workers = min(self._workers, _processors(), len(parts))
        loader: DataLoader[StoredBatch | ZooError] = DataLoader(
            self._reader,
            batch_size=None,
            sampler=[self.positions[part] for part in parts],
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=device.type == "cuda",
            # The loader draws a number for its workers at every start. From torch's global generator, that
            # would shift the noise of a resumed epoch, which starts the loader once more.
            generator=torch.Generator(),
        )
        for batch, part in zip(_start(loader), parts, strict=True):
            yield _moved(self._labelled(batch, part), device)

    def take(self, indices: Tensor) -> StoredBatch:
        indices = indices.cpu()
        return _moved(self._labelled(self._reader[self.positions[indices]], indices), self._device)

    def to(self, device: torch.device) -> StreamedStore:
        return StreamedStore(
            self._reader.source,
            self.labels,
            self.positions,
            geometry=self._reader.geometry,
            workers=self._workers,
            device=device,
        )

    def _labelled(self, batch: StoredBatch | ZooError, indices: Tensor) -> StoredBatch:
        if isinstance(batch, ZooError):
            raise batch
        # A dataset that knows all labels beforehand need not hand them out with the examples once more.
        return batch if self.labels is None else batch._replace(labels=self.labels[indices])


class _Reader(Dataset[StoredBatch | ZooError]):
    """Reads whole batches, so that a worker hands over one tensor and not many.

    An expected failure is handed over as well: raised in a worker, it would come with the worker's traceback.
    """

    def __init__(self, source: Indexable, geometry: Geometry) -> None:
        self.source, self.geometry = source, geometry

    def __getitem__(self, positions: Tensor) -> StoredBatch | ZooError:
        try:
            examples, labels = zip(*(self.source[int(position)] for position in positions), strict=True)
        except ZooError as error:
            return error
        known = all(label >= 0 for label in labels)
        return StoredBatch(
            self.geometry(torch.stack(examples)),
            torch.tensor(labels, dtype=torch.int64) if known else None,
            positions,
        )


def _start(loader: DataLoader[StoredBatch | ZooError]) -> Iterator[StoredBatch | ZooError]:
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork beside running threads. The workers only read files and stack tensors,
        # on one thread, which torch has supported since before there was that warning.
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        return iter(loader)


def _moved(batch: StoredBatch, device: torch.device) -> StoredBatch:
    # A copy that does not block is safe towards the GPU only: in memory it may be read before it has arrived.
    ahead = device.type == "cuda"
    return StoredBatch(
        batch.examples.to(device, non_blocking=ahead),
        None if batch.labels is None else batch.labels.to(device, non_blocking=ahead),
        batch.positions,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
