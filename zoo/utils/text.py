"""Short texts for messages, and names of files."""

from __future__ import annotations

import itertools
import json
import re
import reprlib
from collections.abc import Iterable, Iterator

from zoo.errors import cut

_SHORTEST_NUMBER = 40


def excerpt(value: object, length: int = 80) -> str:
    """Return the Python representation of a value, shortened, in bounded time.

    A list that represents 9⁹ values by references to itself is not expanded.

    Example:
        >>> excerpt([1, "two"]), excerpt(10**100)
        ("[1, 'two']", '1000000000000000…0000000000000000')
    """
    return cut(_Excerpt(length).repr(value), length)


def setting_text(value: object) -> str:
    """Return the value of a setting as it is written in a recipe, shortened.

    Example:
        >>> setting_text(None), setting_text(True), setting_text(0.5), setting_text("adam")
        ('null', 'true', '0.5', "'adam'")
    """
    return json.dumps(value) if value is None or isinstance(value, bool) else excerpt(value)


class _Excerpt(reprlib.Repr):
    """A ``repr`` that visits a few entries of each container, down to a few levels."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = 12
        self.maxstring = self.maxother = length
        self.maxlong = _SHORTEST_NUMBER
        self.fillvalue = "…"

    def repr_int(self, value: int, level: int) -> str:
        # Python refuses to write numbers of thousands of digits, and takes quadratic time for shorter ones.
        if value.bit_length() > 4096:
            return f"an integer of {value.bit_length():,} bits"
        text = repr(value)
        if len(text) <= self.maxlong:
            return text
        kept = (self.maxlong - 7) // 2
        return f"{text[:kept]}…{text[-kept:]}"

    def repr_str(self, value: str, level: int) -> str:
        return repr(cut(value, self.maxstring))

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value[: self.maxstring])

    def repr_instance(self, value: object, level: int) -> str:
        try:
            return cut(repr(value), self.maxother)
        except Exception:
            return f"a {type(value).__name__}"


_NO_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_DEVICE = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)


def portable_name(name: str) -> str:
    """Return a name that is valid for files on every system; Windows reserves names of devices, drives and streams.

    Example:
        >>> portable_name("a:b"), portable_name("CON.txt"), portable_name("end. "), portable_name("x=1,y.z")
        ('a_b', 'CON_.txt', 'end', 'x=1,y.z')
    """
    kept = _NO_NAME.sub("_", name).rstrip(". ") or "_"
    return _DEVICE.sub(r"\1_", kept) if _DEVICE.match(kept) else kept


def numbered(name: str) -> Iterator[str]:
    """Yield a name, and then the name with the numbers 2, 3, … appended.

    Example:
        >>> list(itertools.islice(numbered("a"), 3))
        ['a', 'a-2', 'a-3']
    """
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def take_name(names: Iterable[str], taken: set[str]) -> str:
    """Return the first name that is not taken yet, and add it to the taken ones.

    Upper and lower case are not distinguished, because on some systems such names refer to the same file.

    Args:
        taken: the taken names, in lower case.

    Example:
        >>> taken = set()
        >>> [take_name(numbered(name), taken) for name in ("a_b", "A_b", "a_b", "c")]
        ['a_b', 'A_b-2', 'a_b-3', 'c']
    """
    name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    return name


def readable_size(size: int) -> str:
    """Return a number of bytes in a unit that keeps it short.

    Example:
        >>> readable_size(1_234_567), readable_size(17)
        ('1.2 MB', '17 bytes')
    """
    if size < 1000:
        return f"{size} bytes"
    if size >= 10**24:
        return "more than 10²⁴ bytes"
    value, unit = float(size), ""
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB", "ZB"):  # noqa: B007 - the last one stays for what is larger
        value /= 1000
        if value < 1000:
            break
    return f"{value:.2g} {unit}" if value < 10 else f"{value:,.0f} {unit}"
