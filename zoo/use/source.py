"""The examples that a model is applied to, batch by batch, with the name or number of each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from zoo.data import Batch, Data, Split
from zoo.errors import InputError, unknown_name
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import SplitName, evaluation_context
from zoo.model import Model
from zoo.spec.data_description import DataDescription
from zoo.use.rows import Block, Quantity
from zoo.utils.seeds import process_seed, seeded

_VALUES_AT_ONCE, _ROWS_AT_ONCE = 2**22, 256


@dataclass(frozen=True)
class Rowwise:
    """A batch of examples on the model's device.

    Attributes:
        batch: the inputs of the model; with labels only if it is conditional.
        keys: the quantities that identify each example.
        split: the split of the examples.
        indices: (B,) their indices in the split.
    """

    batch: Batch
    keys: Block
    split: Split
    indices: Tensor

    def __len__(self) -> int:
        return len(self.indices)


class Source:
    """The examples that a model is applied to.

    Attributes:
        taken: names of columns of the data; keys with these names get the prefix ``example_``.

    Args:
        model: the model, which is put into evaluation mode.
        data: a :class:`zoo.data.Data`; one split; an evaluation context; or anything else that :func:`zoo.evaluate`
            accepts.
        split: the split to use; by default all splits of the data.
        label: the class of all examples, by name or number, for a conditional model.
        count: use only this many examples of each split, from its start.

    Raises:
        DataError: the data have another shape, range or classes than the model needs.
        InputError: there is no such split or class.
    """

    def __init__(
        self,
        model: Model,
        data: Any,
        *,
        split: SplitName | None = None,
        label: str | int | None = None,
        count: int | None = None,
    ) -> None:
        self.model = model.eval()
        self.label = None if label is None else class_number(model, label)
        self.splits: dict[str, Split] = {}
        for name in _names_of_splits(data, split):
            is_context = isinstance(data, EvaluationContext)
            context = data if is_context else evaluation_context(model, data, name, needs_labels=label is None)
            self.splits[name] = context.split
        self.taken: frozenset[str] = frozenset()
        self._most = math.inf if count is None else count
        self._named = all(each.names(torch.arange(0)) is not None for each in self.splits.values())
        self._labelled = all(each.labels is not None and each.info.class_names for each in self.splits.values())

    def __len__(self) -> int:
        return sum(self._size(split) for split in self.splits.values())

    @property
    def keys(self) -> tuple[Quantity, ...]:
        """The quantities that identify a row."""
        split = [self._key("split", "split of the example")] if len(self.splits) > 1 else []
        row = self._key("row", "row number, from 0")
        named = self._key("name", "name, such as that of its file") if self._named else row
        label = [self._key("class", "class in the data")] if self._labelled else []
        return (*split, named, *label)

    def _key(self, name: str, meaning: str) -> Quantity:
        return Quantity(f"example_{name}" if name in self.taken else name, meaning=meaning)

    @property
    def data(self) -> DataDescription:
        """The description of the results: units, size and layout of these data; for a table, those of the model."""
        known = self.model.data
        own = next(iter(self.splits.values())).info.description
        if not known.is_known or known.columns or own is None or own.stored is None or own.shape != known.shape:
            return known
        return own

    def computed(self, compute: Callable[[Rowwise], Block], seed: int) -> Iterator[Block]:
        """Yield the keys of each batch together with the results of a function, computed without gradients.

        Random numbers depend on the seed and on the number of the batch, so that the same data give the same results;
        the random state of the caller does not change.
        """
        batches = self._batches()
        for number in itertools.count():
            with torch.no_grad(), seeded(process_seed(seed, number)):
                rows = next(batches, None)
                if rows is None:
                    return
                names = (key.name for key in self.keys)
                block = {**dict(zip(names, rows.keys.values(), strict=True)), **compute(rows)}
            yield block

    def _size(self, split: Split) -> int:
        return int(min(len(split), self._most))

    def _batches(self) -> Iterator[Rowwise]:
        at_once = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // math.prod(self.model.data_shape)))
        for name, split in self.splits.items():
            order = torch.arange(self._size(split))
            batches = split.batches(at_once, order=order, device=self.model.device)
            for batch, indices in zip(batches, order.split(at_once), strict=True):
                yield Rowwise(self._for_model(batch), self._keys_of(name, split, batch, indices), split, indices)

    def _for_model(self, batch: Batch) -> Batch:
        if not self.model.classes:
            return batch._replace(labels=None)
        if self.label is not None:
            return batch._replace(labels=torch.full((len(batch.x),), self.label, device=batch.x.device))
        return batch

    def _keys_of(self, name: str, split: Split, batch: Batch, indices: Tensor) -> Block:
        found: dict[str, Any] = {"split": np.full(len(indices), name)} if len(self.splits) > 1 else {}
        if self._named:
            found["name"] = np.array(split.names(indices))
        else:
            found["row"] = split.positions[indices].numpy()
        if self._labelled:
            assert batch.labels is not None
            names = np.array([*split.info.class_names, ""])  # the last one is for classes that the model does not know
            found["class"] = names[batch.labels.cpu().numpy()]
        return found


def class_number(model: Model, label: str | int) -> int:
    """Return the number of a class of a conditional model.

    Raises:
        InputError: the model is not conditional, or there is no such class.
    """
    if not model.classes:
        raise InputError("the model is not conditional", where="label", remedy="Leave it out.")
    if model.data.classes:
        return model.data.class_number(label)
    text = str(label)
    if not text.isdecimal() or int(text) >= model.classes:
        raise InputError(
            f"expected a class number from 0 to {model.classes - 1}, got {label!r}",
            where="label",
            remedy="The checkpoint contains no names of classes.",
        )
    return int(text)


def _names_of_splits(data: Any, split: str | None) -> list[SplitName]:
    known: tuple[SplitName, ...] = get_args(SplitName)
    if split is not None and split not in known:
        problem, remedy = unknown_name("split", split, known)
        raise InputError(problem, where="split", remedy=remedy)
    if not isinstance(data, Data):
        return ["test"]
    return [name for name in known if getattr(data, name) is not None and split in (None, name)] or [
        split or "train"  # refused later, with the names of the splits
    ]  # type: ignore[list-item]
