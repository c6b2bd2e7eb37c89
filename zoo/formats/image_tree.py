"""Finds the images of a folder with their splits and classes, and what else is there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import DataError
from zoo.formats.names import SPLIT_NAMES, is_system_name, listed, split_of_folder

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
_CONTAINERS = frozenset({"image", "images", "img", "imgs", "jpegimages"})
"""Names of folders that say what lies in them and not of which class it is."""
_LAYOUTS = "It holds `train` and perhaps `validation` and `test`, or a folder for each class, or images."


@dataclass(frozen=True)
class FoundSplit:
    """The image files of one split, sorted by class and name, and their class numbers or None."""

    files: list[str]
    labels: list[int] | None


@dataclass
class Leftovers:
    """What lies in a folder and is not used."""

    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def describe(self) -> str | None:
        """Return what is not used in one sentence, or None."""
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
    """The splits of a folder, the names of its classes (none without class folders), and what it holds besides."""

    splits: dict[str, FoundSplit]
    class_names: tuple[str, ...]
    leftovers: Leftovers


def find_images(root: str, *, classes: bool = True) -> FoundImages:
    """Find the splits, classes and images below ``root``.

    Hidden files and folders, and those that systems leave behind, are passed over at every depth.

    Args:
        classes: take the folders in a split as classes; otherwise its images, at any depth, have no labels.

    Raises:
        DataError: there is no such folder, it holds no images, it is not clear what is a split or a class, or the
            splits disagree about their classes.
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
    return FoundImages(splits, class_names, search.leftovers)


class _Search:
    """One search below a folder, which notes what it passes over."""

    def __init__(self, root: Path, classes: bool) -> None:
        self.root, self.classes, self.leftovers = root, classes, Leftovers()

    def split_folders(self) -> dict[str, Path]:
        """Return the folder of each split; without split folders, the root as ``train``."""
        top, listing = self._inside(self.root)
        found: dict[str, Path] = {}
        for place in listing.folders:
            split = split_of_folder(place.name)
            if split in found:
                raise DataError(
                    f"{found[split]} and {place} are both folders of the {split} split",
                    where="root",
                    remedy="Keep one of them, or merge them.",
                )
            if split is not None:
                found[split] = place
        if "train" in found:
            self._leave_folders(place for place in listing.folders if place not in found.values())
            self._leave_files([*listing.images, *listing.others])
            return {split: found[split] for split in SPLIT_NAMES if split in found}
        if found:
            split, place = next(iter(found.items()))
            raise DataError(
                f"{top} holds the folder {place.name!r}, a name of the {split} split, but no folder of training images "
                f"({' or '.join(SPLIT_NAMES['train'])})",
                where="root",
                remedy=f"Move the training images into {top / 'train'}; to read {place.name!r} alone, set "
                f"`root: {place}`; if it is a class, rename it.",
            )
        return {"train": top}

    def by_class(self, folder: Path) -> dict[str, list[str]]:
        """Return the image files of each class; those of a split without classes under the empty name."""
        if not self.classes:
            images, others = _below(folder)
            if not images:
                raise _no_images(folder)
            self._leave_files(others)
            return {"": images}
        place, listing = self._inside(folder)
        below = {entry: _below(entry) for entry in listing.folders}
        classes = {entry: images for entry, (images, _) in below.items() if images}
        if listing.images and classes:
            raise DataError(
                f"{place} holds images ({Path(listing.images[0]).name}, …) and folders of images "
                f"({listed(entry.name for entry in classes)})",
                where="root",
                remedy="Move the images into class folders, or the folders elsewhere; `classes: false` reads all "
                "images without labels.",
            )
        if not listing.images and not classes:
            raise _no_images(place)
        _check_classes(place, list(classes))
        self._leave_folders(entry for entry in below if entry not in classes)
        self._leave_files(listing.others)
        for entry in classes:
            self._leave_files(below[entry][1])
        return {"": listing.images} if listing.images else {entry.name: images for entry, images in classes.items()}

    def _inside(self, folder: Path) -> tuple[Path, _Listing]:
        """Return the folder that holds the splits, classes or images, and what is in it.

        That is the folder itself, unless its images all lie in one folder that is not a class: ``images``, or one that
        holds splits.
        """
        listing = _list(folder)
        if listing.images:
            return folder, listing
        with_images = [place for place in listing.folders if any(part.images for part in _walk(place))]
        if len(with_images) != 1 or split_of_folder(with_images[0].name):
            return folder, listing
        (only,) = with_images
        holds_splits = any(split_of_folder(place.name) == "train" for place in _list(only).folders)
        if only.name.casefold() not in _CONTAINERS and not holds_splits:
            return folder, listing
        self._leave_folders(place for place in listing.folders if place != only)
        self._leave_files(listing.others)
        return self._inside(only)

    def _leave_folders(self, folders: Iterable[Path]) -> None:
        self.leftovers.folders += [f"{folder.relative_to(self.root)}/" for folder in folders]

    def _leave_files(self, files: Iterable[str]) -> None:
        self.leftovers.files += [str(Path(file).relative_to(self.root)) for file in files]


def _check_classes(place: Path, classes: list[Path]) -> None:
    """Refuse folders that are more likely something else than classes."""
    containers = [entry for entry in classes if entry.name.casefold() in _CONTAINERS]
    if containers:
        others = listed(entry.name for entry in classes if entry != containers[0])
        raise DataError(
            f"{place} holds the folders {containers[0].name} and {others}; {containers[0].name!r} names no class",
            where="root",
            remedy=f"Set `root: {containers[0]}`, move the other folders elsewhere, or rename it.",
        )
    for entry in classes:
        inside = _list(entry)
        names = [folder.name for folder in inside.folders]
        splits = [name for name in names if split_of_folder(name)]
        if splits:
            raise DataError(
                f"{entry} holds the folders {listed(splits)}: splits inside of a class",
                where="root",
                remedy=f"Put the classes into the splits: {place / splits[0] / entry.name}.",
            )
        if len(classes) == 1 and not inside.images:
            raise DataError(
                f"{place} holds one folder, {entry.name!r}, and that holds the folders {listed(names)}: it is not "
                "clear which are the classes",
                where="root",
                remedy=f"If those are, set `root: {entry}`; `classes: false` reads all images without labels.",
            )


@dataclass(frozen=True)
class _Listing:
    """What one folder holds, sorted by name, without hidden and system files."""

    folders: list[Path]
    images: list[str]
    others: list[str]


def _list(folder: Path) -> _Listing:
    folders, images, others = [], [], []
    try:
        with os.scandir(str(folder)) as entries:
            for entry in entries:
                if is_system_name(entry.name):
                    continue
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():  # noqa: PTH122 - speed
                    images.append(entry.path)
                else:
                    others.append(entry.path)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed: {error.strerror}", where="root", remedy="Check its permissions."
        ) from error
    return _Listing(sorted(folders), sorted(images), sorted(others))


def _walk(folder: Path, above: tuple[str, ...] = ()) -> Iterator[_Listing]:
    """Yield the listing of a folder and of all folders below it; a link to a folder above is not followed."""
    listing = _list(folder)
    yield listing
    here = (*above, os.path.realpath(folder))
    for inner in listing.folders:
        if os.path.realpath(inner) not in here:
            yield from _walk(inner, here)


def _below(folder: Path) -> tuple[list[str], list[str]]:
    """Return the images at any depth, and the other files, both sorted."""
    listings = list(_walk(folder))
    images = sorted(image for listing in listings for image in listing.images)
    return images, [other for listing in listings for other in listing.others]


def _no_images(folder: Path) -> DataError:
    kinds = Counter(Path(file).suffix.lower() or "no suffix" for file in _below(folder)[1])
    found = (
        f", but other files ({listed(f'{count:,} × {kind}' for kind, count in kinds.most_common())})" if kinds else ""
    )
    return DataError(
        f"{folder} holds no images{found}",
        where="root",
        remedy=f"Images are files with the suffixes {', '.join(sorted(SUFFIXES))}. {_LAYOUTS}",
    )


def _class_names(trees: Mapping[str, Iterable[str]], folders: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the names of the classes, none if no split has class folders."""
    names = tuple(sorted(trees["train"]))
    for split, tree in trees.items():
        if ("" in tree) != ("" in names):
            flat, nested = (split, "train") if "" in tree else ("train", split)
            raise DataError(
                f"{folders[nested]} holds class folders, {folders[flat]} holds images without a class",
                where="root",
                remedy="Give all splits class folders or none; `classes: false` reads all images without labels.",
            )
        unknown = sorted(set(tree) - set(names))
        if unknown:
            raise DataError(
                f"{folders[split]} has the classes {listed(map(repr, unknown))}, of which {folders['train']} has no "
                f"images; it has {listed(map(repr, names))}",
                where="root",
                remedy="Every class needs training images; `classes: false` reads all images without labels.",
            )
    return () if names == ("",) else names


def _flatten(tree: Mapping[str, list[str]], class_names: tuple[str, ...]) -> FoundSplit:
    if not class_names:
        return FoundSplit(tree[""], None)
    pairs = [(file, number) for number, name in enumerate(class_names) for file in tree.get(name, [])]
    return FoundSplit([file for file, _ in pairs], [number for _, number in pairs])
