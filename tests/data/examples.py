"""Rows, images and data sets that tests pass in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset, IterableDataset

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
KINDS = np.array(["no", "yes"] * 20)
IMAGES = np.random.default_rng(1).integers(0, 256, size=(40, 1, 4, 5)).astype(np.uint8)
FRAME = pd.DataFrame(ROWS, columns=list("abc")).assign(kind=KINDS)


class Pairs(Dataset):
    """Rows with labels, one by one."""

    def __init__(self, inputs: Any, labels: Any) -> None:
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Any:
        return self.inputs[index], self.labels[index]


class Named(Pairs):
    """Rows as mappings, as many data sets give them."""

    def __getitem__(self, index: int) -> Any:
        return {"features": self.inputs[index], "label": self.labels[index]}


class Mixed(Pairs):
    """Items with two inputs that are no single numbers."""

    def __getitem__(self, index: int) -> Any:
        return {"a": "text", "b": self.inputs[index], "label": 0}


class Stream(IterableDataset):
    """Rows that can only be iterated over."""

    def __iter__(self) -> Any:
        yield from zip(torch.tensor(ROWS), KINDS.tolist(), strict=True)


class Nothing(IterableDataset):
    """Nothing to iterate over."""

    def __iter__(self) -> Any:
        return iter(())


class Columns:
    """What the package reads of a data set of Hugging Face."""

    column_names = ("a", "b", "c", "kind")
    features = None

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, indices: list[int]) -> dict[str, Any]:
        return {"kind": KINDS[indices].tolist(), **{name: ROWS[indices, n].tolist() for n, name in enumerate("abc")}}
