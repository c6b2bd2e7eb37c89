"""Finds the images in a folder with their splits and classes, and the files that are not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import DataError
from zoo.formats.folder_listing import IMAGE_SUFFIXES, Listing, files_below, list_folder, walk
from zoo.formats.names import SPLIT_NAMES, listed, split_of_folder

_CONTAINERS = frozenset({"image", "images", "img", "imgs", "jpegimages"})
"""Names of folders that describe their content, and so are not names of classes."""
_LAYOUTS = (
    "The folder must contain `train` and optionally `validation` and `test`, or a folder for each class, or images."
)


@dataclass(frozen=True)
class FoundSplit:
    """The image files of one split, sorted by class and name, and their class numbers or None."""

    files: list[str]
    labels: list[int] | None


@dataclass
class UnusedEntries:
    """The files and folders that are not used."""

    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def describe(self) -> str | None:
        """Return a phrase that names them; None if everything is used."""
        parts = []
        if self.folders:
            parts.append(f"the folders {listed(self.folders)}" if self.folders[1:] else f"the folder {self.folders[0]}")
        if self.files:
            kinds = Counter(Path(file).suffix.lower() or "no suffix" for file in self.files)
            counts = listed(f"{count:,} × {kind}" for kind, count in kinds.most_common())
            files = f"the files {listed(self.files, 3)} ({counts})" if self.files[1:] else f"the file {self.files[0]}"
            parts.append(files)
        return f"not used: {', and '.join(parts)}" if parts else None


@dataclass(frozen=True)
class FoundImages:
    """The images in a folder.

    Attributes:
        splits: the files of each split.
        class_names: the names of the class folders; empty without class folders.
        unused: the other files and folders.
    """

    splits: dict[str, FoundSplit]
    class_names: tuple[str, ...]
    unused: UnusedEntries


def find_images(root: str, *, classes: bool = True) -> FoundImages:
    """Find the splits, classes and images in the folder ``root``.

    Hidden files and folders, and those that operating systems create, are ignored at every depth.

    Args:
        classes: treat the folders in a split as classes; if False, the images of a split are read at any depth, without
            labels.

    Raises:
        DataError: the folder does not exist, contains no images or is ambiguous, or its splits have different classes.
    """
    folder = Path(root).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise DataError(f"expected a folder of images, {folder} is a file", where="root", remedy=_LAYOUTS)
    if not folder.exists():
        raise DataError(f"the folder {folder} does not exist", where="root", remedy=_LAYOUTS)
    search = _Search(folder, classes)
    folders = search.split_folders()
    trees = {split: search.by_class(place) for split, place in folders.items()}
    class_names = _class_names(trees, folders)
    splits = {split: _flatten(tree, class_names) for split, tree in trees.items()}
    return FoundImages(splits, class_names, search.unused)


class _Search:
    """A search below one folder, which also collects the files and folders that are not used."""

    def __init__(self, root: Path, classes: bool) -> None:
        self.root, self.classes, self.unused = root, classes, UnusedEntries()

    def split_folders(self) -> dict[str, Path]:
        """Return the folder of each split; without split folders, the root as ``train``."""
        top, listing = self._data_folder(self.root)
        found: dict[str, Path] = {}
        for place in listing.folders:
            split = split_of_folder(place.name)
            if split in found:
                raise DataError(
                    f"expected one folder of the {split} split, got {found[split]} and {place}",
                    where="root",
                    remedy="Merge them, or rename one of them.",
                )
            if split is not None:
                found[split] = place
        if "train" in found:
            self._add_unused_folders(place for place in listing.folders if place not in found.values())
            self._add_unused_files([*listing.images, *listing.others])
            return {split: found[split] for split in SPLIT_NAMES if split in found}
        if found:
            split, place = next(iter(found.items()))
            raise DataError(
                f"expected a folder of training images ({' or '.join(SPLIT_NAMES['train'])}) in {top}, beside "
                f"{place.name!r} with the {split} split",
                where="root",
                remedy=f"Move the training images into {top / 'train'}. To read only {place.name!r}, set "
                f"`root: {place}`. If it is a class, rename it.",
            )
        return {"train": top}

    def by_class(self, folder: Path) -> dict[str, list[str]]:
        """Return the image files of each class; for a split without classes, all files under the name ""."""
        if not self.classes:
            images, others = files_below(folder)
            if not images:
                raise _no_images(folder)
            self._add_unused_files(others)
            return {"": images}
        place, listing = self._data_folder(folder)
        below = {entry: files_below(entry) for entry in listing.folders}
        classes = {entry: images for entry, (images, _) in below.items() if images}
        if listing.images and classes:
            raise DataError(
                f"expected images or class folders in {place}, got both: {Path(listing.images[0]).name}, … and the "
                f"folders {listed(entry.name for entry in classes)}",
                where="root",
                remedy="Move the images into class folders, or the folders elsewhere. `classes: false` reads all "
                "images without labels.",
            )
        if not listing.images and not classes:
            raise _no_images(place)
        _check_classes(place, list(classes))
        self._add_unused_folders(entry for entry in below if entry not in classes)
        self._add_unused_files(listing.others)
        for entry in classes:
            self._add_unused_files(below[entry][1])
        return {"": listing.images} if listing.images else {entry.name: images for entry, images in classes.items()}

    def _data_folder(self, folder: Path) -> tuple[Path, Listing]:
        """Return the folder that contains the splits, classes or images, and its listing.

        This is the given folder, unless all images are in a single folder inside it that is not a class: one called
        ``images``, or one that contains splits.
        """
        listing = list_folder(folder)
        if listing.images:
            return folder, listing
        with_images = [place for place in listing.folders if any(part.images for part in walk(place))]
        if len(with_images) != 1 or split_of_folder(with_images[0].name):
            return folder, listing
        (only,) = with_images
        holds_splits = any(split_of_folder(place.name) == "train" for place in list_folder(only).folders)
        if only.name.casefold() not in _CONTAINERS and not holds_splits:
            return folder, listing
        self._add_unused_folders(place for place in listing.folders if place != only)
        self._add_unused_files(listing.others)
        return self._data_folder(only)

    def _add_unused_folders(self, folders: Iterable[Path]) -> None:
        self.unused.folders += [f"{folder.relative_to(self.root)}/" for folder in folders]

    def _add_unused_files(self, files: Iterable[str]) -> None:
        self.unused.files += [str(Path(file).relative_to(self.root)) for file in files]


def _check_classes(place: Path, classes: list[Path]) -> None:
    """Raise an error if folders are probably not classes."""
    containers = [entry for entry in classes if entry.name.casefold() in _CONTAINERS]
    if containers:
        others = listed(entry.name for entry in classes if entry != containers[0])
        raise DataError(
            f"expected class folders in {place}, got {containers[0].name!r}, which is not the name of a class, beside "
            f"{others}",
            where="root",
            remedy=f"Set `root: {containers[0]}`, move the other folders elsewhere, or rename the folder.",
        )
    for entry in classes:
        inside = list_folder(entry)
        names = [folder.name for folder in inside.folders]
        splits = [name for name in names if split_of_folder(name)]
        if splits:
            raise DataError(
                f"expected classes inside the splits, got splits inside a class: {listed(splits)} in {entry}",
                where="root",
                remedy=f"Move the classes into the splits, for example to {place / splits[0] / entry.name}.",
            )
        if len(classes) == 1 and not inside.images:
            raise DataError(
                f"expected several class folders in {place}, got one, {entry.name!r}, with the folders "
                f"{listed(names)} inside",
                where="root",
                remedy=f"If the inner folders are the classes, set `root: {entry}`. `classes: false` reads all images "
                "without labels.",
            )


def _no_images(folder: Path) -> DataError:
    kinds = Counter(Path(file).suffix.lower() or "no suffix" for file in files_below(folder)[1])
    found = (
        f", only other files ({listed(f'{count:,} × {kind}' for kind, count in kinds.most_common())})" if kinds else ""
    )
    return DataError(
        f"there are no images in {folder}{found}",
        where="root",
        remedy=f"Images have the suffixes {', '.join(sorted(IMAGE_SUFFIXES))}. {_LAYOUTS}",
    )


def _class_names(trees: Mapping[str, Iterable[str]], folders: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the names of the classes; () if no split has class folders.

    Raises:
        DataError: the splits have different classes.
    """
    names = tuple(sorted(trees["train"]))
    for split, tree in trees.items():
        if ("" in tree) != ("" in names):
            flat, nested = (split, "train") if "" in tree else ("train", split)
            raise DataError(
                f"expected class folders in all splits or in none, got class folders in {folders[nested]} and "
                f"images in {folders[flat]}",
                where="root",
                remedy="Sort the images of all splits into class folders. `classes: false` reads all images without "
                "labels.",
            )
        unknown = sorted(set(tree) - set(names))
        if unknown:
            raise DataError(
                f"expected the classes of {folders['train']}, {listed(map(repr, names))}, in {folders[split]}, got "
                f"{listed(map(repr, unknown))}",
                where="root",
                remedy="Every class needs training images. `classes: false` reads all images without labels.",
            )
    return () if names == ("",) else names


def _flatten(tree: Mapping[str, list[str]], class_names: tuple[str, ...]) -> FoundSplit:
    if not class_names:
        return FoundSplit(tree[""], None)
    pairs = [(file, number) for number, name in enumerate(class_names) for file in tree.get(name, [])]
    return FoundSplit([file for file, _ in pairs], [number for _, number in pairs])
