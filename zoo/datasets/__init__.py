"""Datasets: a name becomes train, validation and test data, as they are stored, in a stated range."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from torch import Tensor

from zoo.formats.image_format import ImageFormat
from zoo.formats.target_size import Fit, TargetSize
from zoo.spec.data_description import ColumnDescription, DataDescription, ReadingDescription
from zoo.spec.paths import absolute_path

__all__ = [
    "SPLITS",
    "Collection",
    "Dataset",
    "Fit",
    "ImageDataset",
    "ImageFormat",
    "Indexable",
    "Stored",
    "TargetSize",
]

SPLITS = ("train", "validation", "test")


class Indexable(Protocol):
    """Examples that are read when they are needed, because they do not fit in memory.

    It is pickled to worker processes that are not forked, so it opens files where it reads them.
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
        names: N names, such as those of files, by which people know the examples; None: they are known by their row.
    """

    examples: Tensor | Indexable
    labels: Tensor | None = None
    names: Sequence[str] | None = None

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
        facts: what else the dataset knows of itself, such as the parameters of a mixture or the files it left out.
        columns: what the columns of a table mean, in order; a missing value in them is NaN.
        label: the column that the labels are from.
        layout: how arrays of images are laid out at their source, which is how samples are returned.
        reading: how image files became examples, so that others are read in the same way.
        title: what people call these data, such as the name of their file; "": the name of the dataset.
        background: stored value of each channel that padding adds; None: the lower end of ``stored_range``, or 0.
    """

    splits: Mapping[str, Stored]
    stored_range: tuple[float, float] | None
    class_names: tuple[str, ...] = ()
    citation: str = ""
    licence: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    columns: tuple[ColumnDescription, ...] = ()
    label: str | None = None
    layout: Literal["channels_first", "channels_last", "no_channels"] = "channels_first"
    reading: ReadingDescription | None = None
    background: tuple[float, ...] | None = None
    title: str = ""


class Dataset(ABC):
    """Finds and reads a dataset; :mod:`zoo.data` prepares what it returns.

    Attributes:
        path_options: options that name files or folders. A relative one starts from the folder of the recipe that
            it is written in.
    """

    path_options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def options_for(cls, path: str) -> dict[str, Any] | None:
        """Return the options with which the dataset reads a file or folder, or None if it does not read such files.

        It decides which dataset reads a bare path, such as ``--data photos``.

        Example:
            >>> from zoo.datasets.arrays import Arrays
            >>> Arrays.options_for("table.npz"), Arrays.options_for("notes.txt")
            ({'path': 'table.npz'}, None)
        """
        return None

    @abstractmethod
    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the data as stored.

        Args:
            note: receives a sentence about work that takes long (a download), and about what was left out.

        Raises:
            DataError: the data cannot be found or are damaged: what was looked for, where, and what to do.
        """

    @classmethod
    def options_like(cls, options: Mapping[str, Any], like: DataDescription) -> dict[str, Any]:
        """Return options with which other data are read as the training data of a model were.

        Args:
            options: those that are stated, which are kept.
            like: what the model knows of its data.
        """
        known = inspect.signature(cls).parameters
        reading = {} if like.reading is None else like.reading.model_dump(mode="json")
        if like.reading is None and like.is_image and like.stored is not None:
            reading = {"channels": like.stored.shape[0]}  # of a model whose images came from no files
        return {name: value for name, value in reading.items() if name in known} | dict(options)

    def read_like(self, like: DataDescription) -> Dataset:
        """Return a dataset that reads the values themselves as a model knows them, where options cannot say it.

        Args:
            like: what the model knows of its data.
        """
        return self

    @classmethod
    def in_words(cls, options: Mapping[str, Any]) -> str:
        """Return a description of the data if the name of the dataset does not say what they are; otherwise "".

        Args:
            options: as in a recipe.
        """
        return ""

    @classmethod
    def with_absolute_paths(cls, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Return options in which relative paths start from ``folder`` (see :func:`zoo.spec.paths.absolute_path`).

        Example:
            >>> from zoo.datasets.image_folder import ImageFolder
            >>> ImageFolder.with_absolute_paths({"root": "photos", "channels": 1}, Path("/project"))
            {'root': '/project/photos', 'channels': 1}
        """
        return {
            name: absolute_path(value, folder) if name in cls.path_options and isinstance(value, str) else value
            for name, value in options.items()
        }


class ImageDataset(Dataset):
    """A dataset that can resize images while it reads them, which saves memory if they are larger."""

    @abstractmethod
    def load(self, note: Callable[[str], None], target: TargetSize | None = None) -> Collection:
        """Return the data as stored.

        Args:
            note: as for any dataset.
            target: the size of all images; None: they must be of one size already.

        Raises:
            DataError: as for any dataset.
        """
