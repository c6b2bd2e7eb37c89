"""Loads MNIST and datasets in the same form: four IDX files, in the same folder as torchvision's."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zoo.datasets import Collection, Stored
from zoo.datasets._download import (
    REMEDY,
    PublishedFile,
    exclusive,
    fetched,
    find_torchvision_dataset,
    resolve_root,
)
from zoo.errors import DataError
from zoo.formats.idx import damaged, read_idx
from zoo.utils.files import replacing

_PREFIXES = {"train": "train", "test": "t10k"}
_FILES = [f"{prefix}-{part}" for prefix in _PREFIXES.values() for part in ("images-idx3-ubyte", "labels-idx1-ubyte")]


@dataclass(frozen=True)
class MnistLike:
    """A dataset in the form of MNIST.

    Attributes:
        torchvision_name: name of the class in ``torchvision.datasets``, and of the folder with the files.
        class_names: names of the classes, in the order of the labels.
        citation: the citation that the authors ask for.
        licence: the licence, as an SPDX identifier.
    """

    torchvision_name: str
    class_names: tuple[str, ...]
    citation: str
    licence: str

    def load(self, root: str | None, download: bool, note: Callable[[str], None]) -> Collection:
        """Return the training and test splits, after downloading missing files.

        Args:
            root: the folder of the datasets; None: a folder in the user's cache.
            download: whether missing files may be downloaded.
            note: called with a sentence before each download.

        Raises:
            DataError: a file is damaged, or is missing and cannot be downloaded.
        """
        folder = resolve_root(root, download) / self.torchvision_name / "raw"
        if download and _missing(folder):
            with exclusive(folder):
                self._download(folder, note)
        missing = _missing(folder)
        if missing:
            raise DataError(
                f"expected the files of {self.torchvision_name} in {folder}; {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing",
                where="root",
                remedy=f"Set `download: true` to fetch the files. {REMEDY}",
            )
        return Collection(
            splits={split: self._read(folder, prefix) for split, prefix in _PREFIXES.items()},
            stored_range=(0.0, 255.0),
            class_names=self.class_names,
            citation=self.citation,
            licence=self.licence,
        )

    def _download(self, folder: Path, note: Callable[[str], None]) -> None:
        published = find_torchvision_dataset(self.torchvision_name)
        checksums = dict(published.resources)
        for name in _missing(folder):
            archive = f"{name}.gz"
            addresses = [mirror + archive for mirror in published.mirrors]
            with fetched(PublishedFile(archive, addresses, checksums[archive]), folder, note) as fresh:
                _unpack(fresh, folder / name)

    def _read(self, folder: Path, prefix: str) -> Stored:
        image_file = _find(folder, f"{prefix}-images-idx3-ubyte")
        label_file = _find(folder, f"{prefix}-labels-idx1-ubyte")
        images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
        if len(images) != len(labels):
            raise damaged(label_file, f"expected a label for each of {len(images):,} images, got {len(labels):,}")
        if int(labels.max()) >= len(self.class_names):
            raise damaged(label_file, f"expected labels from 0 to {len(self.class_names) - 1}, got {int(labels.max())}")
        return Stored(images.unsqueeze(1), labels.long())


def _find(folder: Path, name: str) -> Path:
    whole = folder / name
    return whole if whole.is_file() else folder / f"{name}.gz"


def _missing(folder: Path) -> list[str]:
    return [name for name in _FILES if not _find(folder, name).is_file()]


def _unpack(archive: Path, target: Path) -> None:
    # Only the archive has a checksum, so the file must not appear before it is unpacked completely.
    with gzip.open(archive) as packed, replacing(target) as temporary, temporary.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
