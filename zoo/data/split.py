"""Prepared data: splits that hand out batches."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.data.indices import check_indices, indices_of
from zoo.data.info import DataInfo
from zoo.data.store import MemoryStore, Store, StoredBatch
from zoo.errors import DataError
from zoo.preparation.augmentation import Augmentation
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.preparation.transforms import Binarisation, DynamicDraw, Scaling, StaticDraw, Threshold

_HASHED_WHOLE, _HASHED_EXAMPLES, _HASHED_AT_ONCE = 256_000_000, 4096, 1024


class Batch(NamedTuple):
    """Prepared examples and their labels.

    Attributes:
        x: (B, *data_shape), float32, in ``info.data_range``; NaN where a value is missing.
        labels: (B,) int64, or None.
        mask: (B, *data_shape) bool, True where a value was observed; None where all were.
    """

    x: Tensor
    labels: Tensor | None
    mask: Tensor | None = None


class Split:
    """The examples of one split, stored compactly and prepared a batch at a time.

    Get one from :func:`zoo.data.load_data`; two iterations see the same examples, dynamic binarisation aside.

    Example:
        >>> from zoo.data import load_data
        >>> from zoo.spec import DataSpec
        >>> train = load_data(DataSpec(name="digits")).train
        >>> batch = next(train.batches(32, order=torch.randperm(len(train))))
        >>> batch.x.shape, batch.labels.shape
        (torch.Size([32, 1, 8, 8]), torch.Size([32]))
    """

    def __init__(
        self,
        info: DataInfo,
        store: Store,
        scaling: Scaling,
        binarisation: Binarisation | None = None,
        class_numbers: Tensor | None = None,
        augmentation: Augmentation | None = None,
        encoding: ColumnEncoding | None = None,
    ) -> None:
        self.info = info
        # How rows of a table become the values that a model sees.
        self._encoding = encoding
        self._store, self._scaling, self._binarisation = store, scaling, binarisation
        # The number that each stored label stands for, where a model numbers the classes in another way.
        self._class_numbers = class_numbers
        self._augmentation = augmentation
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self._store.positions)

    def __repr__(self) -> str:
        """Return one line: how many examples of which shape, and whether they have labels."""
        labels = "" if self.labels is None else f", labels of {len(self.info.class_names) or 'unnamed'} classes"
        place = "" if self.in_memory else ", read on demand"
        return f"Split({len(self):,} examples of shape {self.info.data_shape} of {self.info.name}{labels}{place})"

    def __getitem__(self, index: int) -> Tensor | tuple[Tensor, int]:
        """Return one prepared example (*data_shape), with its class number if there are labels.

        So a split is a data set for a ``DataLoader`` of torch, and can be iterated over.

        Raises:
            IndexError: there is no such example.
        """
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"expected an index from {-len(self)} to {len(self) - 1}, got {place}")
        batch = self.take(torch.tensor([place % len(self)]))
        return batch.x[0] if batch.labels is None else (batch.x[0], int(batch.labels[0]))

    @property
    def labels(self) -> Tensor | None:
        """Class numbers (N,), int64, in stored order; None without labels."""
        return self._class_numbers_of(self._store.labels)

    @property
    def positions(self) -> Tensor:
        """Where each example stands (N,), int64, in the split that the dataset stores: its row number from 0."""
        return self._store.positions.cpu()

    def names(self, indices: Tensor) -> list[str] | None:
        """Return the names of the examples at ``indices`` (B,), such as those of files; None if they have none."""
        names = self._store.names
        return None if names is None else [names[place] for place in self.positions[indices.cpu()].tolist()]

    @property
    def device(self) -> torch.device:
        """The device of the batches, unless another is given."""
        return self._store.device

    def examples(self, indices: Tensor | Sequence[int] | int) -> Tensor:
        """Return prepared examples (B, *data_shape): those at ``indices``, or the first ones of a given number.

        Raises:
            DataError: there is no such example.
        """
        chosen = indices_of(indices, len(self))
        check_indices(chosen, len(self), "indices")
        return self._prepare(self._store.take(chosen)).x

    def stored(self, indices: Tensor) -> Tensor:
        """Return the examples at ``indices`` (B,) as they are stored, resized and padded but neither scaled nor drawn.

        Of pixels that are drawn once, or cut at a half, they are the pixels. Rows of a table have the columns of the
        model that they are prepared for.
        """
        examples = self._store.take(indices).examples
        return examples if self._encoding is None else self._encoding.undo(self._encoding(examples))

    def take(self, indices: Tensor) -> Batch:
        """Return the examples at ``indices`` (B,), int64, as a batch; checks nothing that makes a device wait."""
        return self._prepare(self._store.take(indices))

    @property
    def in_memory(self) -> bool:
        """Whether all examples are held in memory, rather than read from disk as they are needed."""
        return isinstance(self._store, MemoryStore)

    @property
    def draws(self) -> bool:
        """Whether pixels are drawn or changed at random when they are read for training, by a generator on the CPU."""
        return isinstance(self._binarisation, (StaticDraw, DynamicDraw)) or self._augmentation is not None

    @property
    def changes(self) -> bool:
        """Whether an example is another one each time it is read for training: binarised anew, or augmented."""
        return isinstance(self._binarisation, DynamicDraw) or self._augmentation is not None

    def for_training(self) -> Split:
        """Return the split as a model is trained on it: with its images augmented, where the recipe says so."""
        if self._augmentation is None:
            return self
        store = self._store.augmented(self._augmentation)
        return self._with(store, self._scaling, self._encoding)

    def batches(
        self, batch_size: int, *, order: Tensor | None = None, device: torch.device | str | None = None
    ) -> Iterator[Batch]:
        """Yield batches of ``batch_size`` examples; the last may be shorter.

        Args:
            order: (M,) int64, which examples in which order, so that the rest of an epoch is the rest of its
                permutation; None: all in stored order.
            device: where to put the batches; None: where the split is.

        Raises:
            DataError: ``order`` names an example that is not there.
        """
        if batch_size < 1:
            raise DataError(f"expected a positive batch size, got {batch_size}", where="batch_size")
        if order is not None:
            check_indices(order, len(self), "order")
        target = self.device if device is None else torch.device(device)
        return self._prepared(self._store.batches(batch_size, order, target))

    def to(self, device: torch.device | str) -> Split:
        """Return the split on ``device``; what is held in memory moves there as it is stored, compactly."""
        target = torch.device(device)
        encoding = None if self._encoding is None else self._encoding.to(target)
        return self._with(self._store.to(target), self._scaling.to(target), encoding)

    def prepared_as(
        self,
        info: DataInfo,
        scaling: Scaling,
        class_numbers: Tensor | None = None,
        encoding: ColumnEncoding | None = None,
    ) -> Split:
        """Return the same stored examples in another scaling, with other numbers for their classes.

        Args:
            class_numbers: (C,) the new number of each class; None: they keep theirs.
            encoding: how rows of a table become what another model sees; None: they become what they do now.
        """
        encoding = encoding or self._encoding
        return Split(info, self._store, scaling, self._binarisation, class_numbers, self._augmentation, encoding)

    def _with(self, store: Store, scaling: Scaling, encoding: ColumnEncoding | None) -> Split:
        return Split(self.info, store, scaling, self._binarisation, self._class_numbers, self._augmentation, encoding)

    @property
    def scaling(self) -> Scaling:
        """How stored values become prepared ones; that of pixels that were drawn once does nothing."""
        return self._scaling

    def digest(self) -> str:
        """Return 32 hexadecimal digits that identify the examples and labels, wherever they lie.

        It is that of the stored values, resized and padded, so that it is the same in every scaling, held in memory or
        streamed; of pixels that are drawn once or cut at a half, it is that of the pixels. Of more than 256 MB, some
        thousand examples at even distances stand for all.
        """
        if self._digest is None:
            self._digest = self._computed_digest()
        return self._digest

    def _computed_digest(self) -> str:
        size = len(self)
        digest = hashlib.blake2b(digest_size=16)
        first = self._content(torch.zeros(1, dtype=torch.int64)) if size else torch.zeros(0)
        count = size if first.nbytes * size <= _HASHED_WHOLE else min(size, _HASHED_EXAMPLES)
        drawn = type(self._binarisation).__name__ if isinstance(self._binarisation, DynamicDraw) else ""
        digest.update(f"{size} {tuple(first.shape[1:])} {first.dtype} {drawn} {self.info.class_names}".encode())
        indices = torch.arange(count) * size // max(1, count)
        for part in indices.split(_HASHED_AT_ONCE) if count else ():
            digest.update(self._content(part).contiguous().numpy().data)
        if self.labels is not None:
            digest.update(self.labels.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def _content(self, indices: Tensor) -> Tensor:
        stored = self._store.take(indices)
        if isinstance(self._binarisation, Threshold | StaticDraw):
            return self._prepare(stored).x.to(torch.uint8).cpu()
        return stored.examples.cpu()

    def _class_numbers_of(self, labels: Tensor | None) -> Tensor | None:
        if labels is None or self._class_numbers is None:
            return labels
        return self._class_numbers.to(labels.device)[labels]

    def _prepared(self, stored: Iterator[StoredBatch]) -> Iterator[Batch]:
        for batch in stored:
            yield self._prepare(batch)

    def _prepare(self, stored: StoredBatch) -> Batch:
        device = stored.examples.device
        values = stored.examples
        if self._encoding is not None:
            values = self._encoding.to(device)(values)
        x = self._scaling.to(device)(values)
        if self._binarisation is not None:
            x = self._binarisation(x, stored.positions)
        return Batch(x, self._class_numbers_of(stored.labels), ~x.isnan() if self.info.missing else None)


@dataclass(frozen=True)
class Data:
    """A dataset, split and prepared.

    Attributes:
        validation: None where the recipe's share is 0 and the dataset has none.
        test: likewise.
    """

    info: DataInfo
    train: Split
    validation: Split | None
    test: Split | None

    def __repr__(self) -> str:
        """Return one line: how many examples each split has, and of which shape."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items() if split is not None)
        classes = f", {len(self.info.class_names)} classes" if self.info.class_names else ""
        return f"Data({self.info.name}: {counts} examples of shape {self.info.data_shape}{classes})"
