"""Prepared data: splits, which return examples and batches."""

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
    """A batch of prepared examples.

    Attributes:
        x: (B, *data_shape), float32, in ``info.data_range``; NaN where a value is missing.
        labels: class numbers (B,), int64, or None.
        mask: (B, *data_shape), bool, True where a value was observed; None: all were.
    """

    x: Tensor
    labels: Tensor | None
    mask: Tensor | None = None


class Split:
    """The examples of one split, which are stored compactly and prepared batch by batch.

    :func:`zoo.data.load_data` returns them. All iterations give the same examples, except with dynamic binarisation.

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
        # How rows of a table are encoded for a model.
        self._encoding = encoding
        self._store, self._scaling, self._binarisation = store, scaling, binarisation
        # The number of each stored class in a model that numbers the classes in another way.
        self._class_numbers = class_numbers
        self._augmentation = augmentation
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self._store.positions)

    def __repr__(self) -> str:
        """Return one line with the number of examples, their shape and labels."""
        labels = "" if self.labels is None else f", labels of {len(self.info.class_names) or 'unnamed'} classes"
        place = "" if self.in_memory else ", read on demand"
        return f"Split({len(self):,} examples of shape {self.info.data_shape} of {self.info.name}{labels}{place})"

    def __getitem__(self, index: int) -> Tensor | tuple[Tensor, int]:
        """Return one prepared example (*data_shape), in a pair with its class number if there are labels.

        A split can therefore be used as a data set for a ``DataLoader`` of torch.

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
        """Row numbers from 0, (N,), int64: the index of each example in the split that the dataset stores."""
        return self._store.positions.cpu()

    def names(self, indices: Tensor) -> list[str] | None:
        """Return the names of the examples at ``indices`` (B,), such as file names; None if they have no names."""
        names = self._store.names
        return None if names is None else [names[place] for place in self.positions[indices.cpu()].tolist()]

    @property
    def device(self) -> torch.device:
        """The device of the batches, unless another is given."""
        return self._store.device

    def examples(self, indices: Tensor | Sequence[int] | int) -> Tensor:
        """Return prepared examples (B, *data_shape).

        Args:
            indices: (B,), or a number B, for the first B examples.

        Raises:
            DataError: there is no such example.
        """
        chosen = indices_of(indices, len(self))
        check_indices(chosen, len(self), "indices")
        return self._prepare(self._store.take(chosen)).x

    def stored(self, indices: Tensor) -> Tensor:
        """Return the examples at ``indices`` (B,) as they are stored, after resizing and padding, before scaling.

        Pixels that are binarised by a threshold or drawn once are returned binarised. Rows of a table have the columns
        of the model for which they are prepared.
        """
        examples = self._store.take(indices).examples
        return examples if self._encoding is None else self._encoding.undo(self._encoding(examples))

    def take(self, indices: Tensor) -> Batch:
        """Return the examples at ``indices`` (B,), int64, as a batch, without checks that synchronise a device."""
        return self._prepare(self._store.take(indices))

    @property
    def in_memory(self) -> bool:
        """Whether all examples are held in memory, instead of being read on demand."""
        return isinstance(self._store, MemoryStore)

    @property
    def draws(self) -> bool:
        """Whether reading examples for training draws random numbers on the CPU, to binarise or augment them."""
        return isinstance(self._binarisation, (StaticDraw, DynamicDraw)) or self._augmentation is not None

    @property
    def changes(self) -> bool:
        """Whether an example changes each time it is read for training, by dynamic binarisation or augmentation."""
        return isinstance(self._binarisation, DynamicDraw) or self._augmentation is not None

    def for_training(self) -> Split:
        """Return the split for training: with augmentation, if the recipe has any."""
        if self._augmentation is None:
            return self
        store = self._store.augmented(self._augmentation)
        return self._with(store, self._scaling, self._encoding)

    def batches(
        self, batch_size: int, *, order: Tensor | None = None, device: torch.device | str | None = None
    ) -> Iterator[Batch]:
        """Yield batches of ``batch_size`` examples; the last may be shorter.

        Args:
            order: (M,) int64, the indices of the examples to read, in order; None: all, in stored order. The rest of an
                interrupted epoch is read with the rest of its permutation.
            device: the device of the batches; None: that of the split.

        Raises:
            DataError: the batch size is not positive, or ``order`` contains an index that does not exist.
        """
        if batch_size < 1:
            raise DataError(f"expected a positive batch size, got {batch_size}", where="batch_size")
        if order is not None:
            check_indices(order, len(self), "order")
        target = self.device if device is None else torch.device(device)
        return self._prepared(self._store.batches(batch_size, order, target))

    def to(self, device: torch.device | str) -> Split:
        """Return the split on ``device``; examples in memory are moved there in their compact form."""
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
        """Return a split of the same stored examples with another scaling, class numbers and column encoding.

        Args:
            info: the information on the new split.
            scaling: the new scaling.
            class_numbers: the new number of each class (C,), int64; None: unchanged.
            encoding: the new encoding of rows of a table; None: unchanged.
        """
        encoding = encoding or self._encoding
        return Split(info, self._store, scaling, self._binarisation, class_numbers, self._augmentation, encoding)

    def _with(self, store: Store, scaling: Scaling, encoding: ColumnEncoding | None) -> Split:
        return Split(self.info, store, scaling, self._binarisation, self._class_numbers, self._augmentation, encoding)

    @property
    def scaling(self) -> Scaling:
        """The scaling from stored to prepared values; the identity for pixels that were drawn once."""
        return self._scaling

    def digest(self) -> str:
        """Return 32 hexadecimal digits that identify the examples and labels.

        The digest is computed from the stored values after resizing and padding (for pixels that are binarised by a
        threshold or drawn once, from the binarised pixels). It does not depend on the scaling, the device, or whether
        examples are in memory. For more than 256 MB, 4,096 examples at even distances are used.
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
    """Prepared data, split into training, validation and test examples.

    Attributes:
        info: the information on the data, which all splits share.
        train: the training split.
        validation: the validation split; None if the dataset has none and its share in the recipe is 0.
        test: the test split; None if the dataset has none and its share in the recipe is 0.
    """

    info: DataInfo
    train: Split
    validation: Split | None
    test: Split | None

    def __repr__(self) -> str:
        """Return one line with the number of examples in each split, and their shape."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items() if split is not None)
        classes = f", {len(self.info.class_names)} classes" if self.info.class_names else ""
        return f"Data({self.info.name}: {counts} examples of shape {self.info.data_shape}{classes})"
