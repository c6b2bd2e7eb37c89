"""Datasets: a name becomes train, validation and test data, as they are stored, in a stated range."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from torch import Tensor

from zoo.spec.data_description import ReadingDescription

SPLITS = ("train", "validation", "test")


class Indexable(Protocol):
    """Examples that are read when they are wanted, because they do not fit in memory.

    It is pickled to worker processes, where they are not forked: files are opened by those who read them.
    """

    def __len__(self) -> int: ...
    def read(self, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return the stored examples (B, *data_shape) at ``indices``, uint8 or float, and their labels.

        Labels are (B,) int64, or None: there are none, or the split holds them all.
        """
        ...


@dataclass(frozen=True)
class Stored:
    """One split as it is stored.

    Attributes:
        examples: (N, *data_shape) tensor, uint8 for images and float32 for the rest, or an
            :class:`Indexable`.
        labels: (N,) int64 tensor of class numbers from 0, or None.
    """

    examples: Tensor | Indexable
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.examples)


@dataclass(frozen=True)
class Collection:
    """A dataset as it is stored, before any split, scaling or other preparation.

    Attributes:
        splits: ``train`` always; ``validation`` and ``test`` where the dataset defines them. The missing ones
            are cut from ``train`` by the recipe's shares.
        stored_range: smallest and largest value that an example can hold, (0, 255) for uint8 images; None for
            unbounded values.
        class_names: names of the classes, in the order of the labels; empty without labels.
        citation: how the dataset asks to be cited.
        licence: under which terms it comes, as an SPDX name or a sentence.
        columns: names of the columns of a table, in order.
        layout: how the arrays of images are laid out where they come from, as which samples are given back.
        reading: how image files became examples, so that others are read alike.
    """

    splits: Mapping[str, Stored]
    stored_range: tuple[float, float] | None
    class_names: tuple[str, ...] = ()
    citation: str = ""
    licence: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    layout: Literal["channels_first", "channels_last", "no_channels"] = "channels_first"
    reading: ReadingDescription | None = None


class Dataset(ABC):
    """Finds and reads a dataset; what it returns is prepared by :mod:`zoo.data`."""

    @abstractmethod
    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the data as stored.

        Args:
            note: is told, in a sentence, of work that takes long (a download).

        Raises:
            DataError: the data cannot be had or are damaged: what was looked for, where, and what to do.
        """
