"""Small colour photographs in ten classes."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Callable, Generator
from pathlib import Path

import torch

from zoo.datasets import Collection, Dataset, Stored
from zoo.datasets._cifar_batch import LARGEST, read_batch
from zoo.datasets._download import (
    REMEDY,
    PublishedFile,
    exclusive,
    fetched,
    find_torchvision_dataset,
    resolve_root,
)
from zoo.errors import DataError
from zoo.registry import register
from zoo.utils.files import replacing
from zoo.utils.foreign import parsing
from zoo.utils.text import readable_size

_FOLDER = "cifar-10-batches-py"
_FILES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@register("dataset", "cifar10")
class Cifar10(Dataset):
    """60,000 colour photographs of 32×32 pixels in ten classes (CIFAR-10).

    Choose it for colour and natural scenes. Two latent dimensions are too few for these images.

    Args:
        root: the folder that contains ``cifar-10-batches-py``; None: a folder in the user's cache.
        download: whether missing files are downloaded, from the same servers as in torchvision.

    Shapes:
        examples (50000, 3, 32, 32) and (10000, 3, 32, 32), uint8 from 0 to 255; labels from 0 to 9.

    Source:
        Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, chapter 3.
        https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf

    Example:
        >>> from zoo.errors import DataError
        >>> try:
        ...     Cifar10(root="no/such/folder", download=False).load(print)
        ... except DataError as error:
        ...     print(error.problem)  # doctest: +ELLIPSIS
        the folder .../no/such/folder does not exist
    """

    path_options = ("root",)

    def __init__(self, *, root: str | None = None, download: bool = True) -> None:
        self._root, self._download = root, download

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the training and test splits of the source."""
        root = resolve_root(self._root, self._download)
        folder = root / _FOLDER
        if self._download and _missing(folder):
            with exclusive(root):
                _fetch_missing(root, note)
        missing = _missing(folder)
        if missing:
            raise DataError(
                f"expected the files of CIFAR-10 in {folder}; {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing",
                where="root",
                remedy=f"Set `download: true` to fetch the files. {REMEDY}",
            )
        return Collection(
            splits={split: _read(folder, names) for split, names in _FILES.items()},
            stored_range=(0.0, 255.0),
            class_names=_CLASSES,
            citation="Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images. "
            "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
            licence="no licence is stated by the source",
        )


def _read(folder: Path, names: list[str]) -> Stored:
    batches = [read_batch(folder / name, len(_CLASSES)) for name in names]
    return Stored(torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches]))


def _missing(folder: Path) -> list[str]:
    return [name for names in _FILES.values() for name in names if not (folder / name).is_file()]


def _fetch_missing(root: Path, note: Callable[[str], None]) -> None:
    missing = _missing(root / _FOLDER)
    if not missing:  # another process has downloaded them
        return
    published = find_torchvision_dataset("CIFAR10")
    archive = PublishedFile(published.filename, [published.url], published.tgz_md5)
    with fetched(archive, root, note) as fresh, contextlib.closing(_members(fresh, missing)) as members:
        for name, content in members:
            with replacing(root / _FOLDER / name) as target:
                target.write_bytes(content)


def _members(archive: Path, names: list[str]) -> Generator[tuple[str, bytes]]:
    """Yield the name and the content of files in an archive.

    Raises:
        DataError: there is no such file, it is larger than any that is published, or the archive is damaged.
    """
    with parsing(archive.name, DataError, remedy=REMEDY), tarfile.open(archive) as members:
        for name in names:
            yield name, _content(members, archive.name, name)


def _content(members: tarfile.TarFile, archive: str, name: str) -> bytes:
    try:
        member = members.getmember(f"{_FOLDER}/{name}")
    except KeyError:
        member = None
    opened = members.extractfile(member) if member is not None and member.isfile() else None
    content = opened.read(LARGEST + 1) if opened is not None else None
    if content is None:
        raise DataError(f"expected {name} in {archive}, got none", where="root", remedy=REMEDY)
    if len(content) > LARGEST:
        problem = f"expected at most {readable_size(LARGEST)} of {name} in {archive}, got more"
        raise DataError(problem, where="root", remedy=REMEDY)
    return content
