"""Which images a folder holds: in which split, of which class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import DataError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_SPLIT_FOLDERS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
_LAYOUTS = "It holds `train` and perhaps `validation` and `test`, or a folder a class, or images."


@dataclass(frozen=True)
class FoundSplit:
    """The image files of one split, sorted by class and name, and their class numbers or None."""

    files: list[str]
    labels: list[int] | None


def find_images(root: str) -> tuple[dict[str, FoundSplit], tuple[str, ...]]:
    """Return the splits below ``root`` and the names of their classes, none without class folders.

    Raises:
        DataError: there is no such folder, it or a class in it holds no images, or the splits disagree about
            their classes.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist", where="root", remedy=_LAYOUTS)
    folders = _split_folders(folder)
    trees = {name: _by_class(place) for name, place in folders.items()}
    class_names = tuple(sorted(trees["train"]))
    for name, tree in trees.items():
        strange = sorted(set(tree) - set(class_names))
        if strange:
            raise DataError(
                f"{folders[name]} has the classes {strange}, {folders['train']} has {list(class_names)}",
                where="root",
                remedy="Every class needs training images, or no split has class folders.",
            )
    named = class_names if class_names != ("",) else ()
    return {name: _flatten(tree, class_names, bool(named)) for name, tree in trees.items()}, named


def _split_folders(root: Path) -> dict[str, Path]:
    if not (root / "train").is_dir():
        return {"train": root}
    found: dict[str, Path] = {}
    for split, names in _SPLIT_FOLDERS.items():
        present = [root / name for name in names if (root / name).is_dir()]
        if len(present) > 1:
            raise DataError(f"{present[0]} and {present[1]} are both there", where="root", remedy="Keep one of them.")
        if present:
            found[split] = present[0]
    return found


def _by_class(folder: Path) -> dict[str, list[str]]:
    """Return the image files of each class; those of a folder without classes under the empty name."""
    loose = _images(folder.iterdir())
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if loose and classes:
        raise DataError(
            f"{folder} holds images ({Path(loose[0]).name}, …) and folders ({classes[0].name}, …)",
            where="root",
            remedy="Move the images into class folders, or the folders elsewhere.",
        )
    if loose:
        return {"": loose}
    tree = {entry.name: _images(entry.rglob("*")) for entry in classes}
    empty = [name for name, files in tree.items() if not files]
    if empty or not tree:
        place = folder / empty[0] if empty else folder
        raise DataError(f"{place} holds no images ({', '.join(sorted(SUFFIXES))})", where="root", remedy=_LAYOUTS)
    return tree


def _images(entries: Iterable[Path]) -> list[str]:
    files = (entry for entry in entries if entry.suffix.lower() in SUFFIXES and not entry.name.startswith("."))
    return sorted(str(file) for file in files if file.is_file())


def _flatten(tree: dict[str, list[str]], class_names: tuple[str, ...], labelled: bool) -> FoundSplit:
    pairs = [(file, number) for number, name in enumerate(class_names) for file in tree.get(name, [])]
    return FoundSplit([file for file, _ in pairs], [number for _, number in pairs] if labelled else None)
