"""Names with a meaning in folders and files of data: names of splits, and of files that operating systems create."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zoo.errors import cut

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval"),
}
"""The usual names of each split, in any case."""

_LONGEST = 200
_ENDING = re.compile(r"[ _-]?(set|split|data|images|imgs|\d+)$")

_SYSTEM_NAMES = {
    "$recycle.bin",
    "#recycle",
    "#snapshot",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@tmp",
    "__macosx",
    "__pycache__",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
    "system volume information",
    "thumbs.db",
}
_SPLIT_OF = {name: split for split, names in SPLIT_NAMES.items() for name in names}


def split_named(name: str) -> str | None:
    """Return the split that a name stands for, or None.

    Example:
        >>> split_named("Valid"), split_named("TESTING"), split_named("cats")
        ('validation', 'test', None)
    """
    return _SPLIT_OF.get(name.casefold())


def split_of_folder(name: str) -> str | None:
    """Return the split that the name of a folder stands for, or None; endings such as ``_set`` or a year are ignored.

    Example:
        >>> split_of_folder("Valid"), split_of_folder("training_set"), split_of_folder("test2017")
        ('validation', 'train', 'test')
    """
    return split_named(name) or split_named(_ENDING.sub("", name.casefold()))


def is_system_name(name: str) -> bool:
    """Return whether a file or folder is hidden, or has a name that operating systems and programs use for their files.

    Example:
        >>> is_system_name(".ipynb_checkpoints"), is_system_name("Thumbs.db"), is_system_name("cat.png")
        (True, True, False)
    """
    return name.startswith(".") or name.casefold() in _SYSTEM_NAMES


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first ``most`` names, cut to a readable length and separated by commas, and the number of the others.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    names = list(names)
    more = len(names) - most
    shown = ", ".join(cut(name, _LONGEST) for name in names[: most if more > 0 else None])
    return f"{shown} and {more:,} more" if more > 0 else shown
