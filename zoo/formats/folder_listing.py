"""Lists the folders, images and other files in a folder, without hidden files and system files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import DataError
from zoo.formats.names import is_system_name

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
"""The suffixes of image files, in lower case."""


@dataclass(frozen=True)
class Listing:
    """The content of one folder, each sorted by name.

    Attributes:
        folders: the folders.
        images: the paths of files with the suffix of an image.
        others: the paths of other files.
    """

    folders: list[Path]
    images: list[str]
    others: list[str]


def list_folder(folder: Path) -> Listing:
    """Return the content of one folder.

    Raises:
        DataError: the folder cannot be read.
    """
    folders, images, others = [], [], []
    try:
        with os.scandir(str(folder)) as entries:
            for entry in entries:
                if is_system_name(entry.name):
                    continue
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and entry.is_file():  # noqa: PTH122 - speed
                    images.append(entry.path)
                else:
                    others.append(entry.path)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed: {error.strerror}", where="root", remedy="Check its permissions."
        ) from error
    return Listing(sorted(folders), sorted(images), sorted(others))


def walk(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Listing]:
    """Yield the listing of a folder and of all folders below it; links to a parent folder are not followed.

    Args:
        above: the real paths of the parent folders.
    """
    listing = list_folder(folder)
    yield listing
    here = (*above, os.path.realpath(folder))
    for inner in listing.folders:
        if os.path.realpath(inner) not in here:
            yield from walk(inner, here)


def files_below(folder: Path) -> tuple[list[str], list[str]]:
    """Return the image files and the other files below a folder at any depth."""
    listings = list(walk(folder))
    images = sorted(image for listing in listings for image in listing.images)
    return images, [other for listing in listings for other in listing.others]
