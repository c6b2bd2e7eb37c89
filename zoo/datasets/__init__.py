"""Datasets: each finds and reads training, validation and test data, and states the range of their values."""

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
from zoo.spec.column_description import ColumnDescription
from zoo.spec.data_description import DataDescription
from zoo.spec.paths import absolute_path
from zoo.spec.preparation_description import ReadingDescription

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
    """Examples that are read on demand, because they do not fit in memory.

    Worker processes that are not forked receive it by pickling, so it must open files when it reads them.
    """

    def __len__(self) -> int: ...
    def read(self, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return the stored examples (B, *data_shape) at ``indices``, uint8 or float, and their labels.

        Labels are (B,), int64. None: there are no labels, or the ``labels`` of :class:`Stored` have them.
        """
        ...


@dataclass(frozen=True)
class Stored:
    """The stored examples of one split.

    Attributes:
        examples: a tensor (N, *data_shape), uint8 for images and float32 otherwise, or an :class:`Indexable`.
        labels: class numbers from 0, (N,), int64; None without labels.
        names: the names of the N examples, such as the names of their files; None: they are called by row number.
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
        splits: ``train``, and ``validation`` and ``test`` where the dataset defines them. A missing split is taken from
            ``train``, with the size that the recipe states.
        stored_range: smallest and largest value that an example can have, such as (0, 255) for uint8 images; None:
            there is no limit.
        class_names: names of the classes in the order of the class numbers; () without labels.
        citation: the citation that the dataset's authors ask for.
        licence: the licence, as an SPDX identifier or a sentence.
        facts: other facts about the data, such as the parameters of a mixture or the files that were left out.
        columns: the columns of a table in order, in which a missing value is NaN; () for other data.
        label: name of the column that the labels come from.
        layout: the layout of the images at their source; samples are returned in the same layout.
        reading: the options with which image files were read, so that others are read in the same way.
        background: stored value of padding in each channel; None: the lower end of ``stored_range``, or 0.
        title: a name for these data in particular, such as the name of their file; "": the name of the dataset.
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
    """A dataset: it finds and reads data, which :mod:`zoo.data` then splits and prepares.

    Attributes:
        path_options: the options that are paths. A relative path in a recipe starts from the folder of the recipe.
    """

    path_options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def options_for(cls, path: str) -> dict[str, Any] | None:
        """Return the options with which this dataset reads a file or folder; None if it cannot read it.

        This decides which dataset reads a path that is given on its own, such as ``--data photos``.

        Example:
            >>> from zoo.datasets.arrays import Arrays
            >>> Arrays.options_for("table.npz"), Arrays.options_for("notes.txt")
            ({'path': 'table.npz'}, None)
        """
        return None

    @abstractmethod
    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the stored data.

        Args:
            note: called with a sentence about work that takes long, such as a download, and about files that are left
                out.

        Raises:
            DataError: the data cannot be found or are damaged; the message names the path and a remedy.
        """

    @classmethod
    def options_adapted_to(cls, options: Mapping[str, Any], like: DataDescription) -> dict[str, Any]:
        """Return the options that read other data in the same way as a model's training data.

        Args:
            options: options that are stated; they are kept.
            like: the description of the model's data.
        """
        known = inspect.signature(cls).parameters
        reading = {} if like.reading is None else like.reading.model_dump(mode="json")
        if like.reading is None and like.is_image and like.stored is not None:
            reading = {"channels": like.stored.shape[0]}  # the model was trained on arrays of images
        return {name: value for name, value in reading.items() if name in known} | dict(options)

    def adapted_to(self, like: DataDescription) -> Dataset:
        """Return a dataset that reads values in the same way as a model's training data, beyond what options can state.

        Args:
            like: the description of the model's data.
        """
        return self

    @classmethod
    def describe_data(cls, options: Mapping[str, Any]) -> str:
        """Return a description of the data, if the name of the dataset does not describe them; otherwise "".

        Args:
            options: the options of the dataset in a recipe.
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
    """A dataset that can resize images while it reads them, so that large images do not need large memory."""

    @abstractmethod
    def load(self, note: Callable[[str], None], target: TargetSize | None = None) -> Collection:
        """Return the stored data.

        Args:
            note: as for :meth:`Dataset.load`.
            target: the size to which all images are resized; None: they must have one size already.

        Raises:
            DataError: as for :meth:`Dataset.load`.
        """
