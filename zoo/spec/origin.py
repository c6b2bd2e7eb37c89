"""Where the fields of a recipe were written: in a file, on a line of it, or in an override."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from zoo.errors import ZooError
from zoo.spec.documents import line_of

E = TypeVar("E", bound=ZooError)


@dataclass(frozen=True)
class Origin:
    """Says where a field was written, so that an error leads there.

    Attributes:
        name: the file, or what else to call the recipe.
        path: the file, if it is one.
        overrides: ``KEY=VALUE`` texts that were laid over it; the last counts.

    Example:
        >>> Origin("recipe", overrides=("train.epochs=0",)).place("train.epochs")
        '--set train.epochs=0'
        >>> Origin("recipe").place("train.epochs")
        'recipe'
    """

    name: str
    path: Path | None = None
    overrides: tuple[str, ...] = ()

    def place(self, field: str) -> str:
        """Return the override, or the file and line, that wrote a field given by its path.

        Of a field with fields of its own, it is the file, with the overrides in it.
        """
        keys = field_keys(field)
        for override in reversed(self.overrides):
            written = field_keys(override.partition("=")[0])
            if written == keys[: len(written)]:
                return f"--set {override}"
        line = line_of(self.path, keys) if self.path and field else None
        place = f"{self.name}, line {line}" if line else self.name
        # Of parts that do not suit each other, one may be an override's.
        within: dict[tuple[str | int, ...], str] = {}
        for override in self.overrides if field else ():
            written = field_keys(override.partition("=")[0])
            if written[: len(keys)] == keys:
                # What a later one writes anew no longer counts.
                within = {key: text for key, text in within.items() if key[: len(written)] != written}
                within[written] = f"--set {override}"
        return ", with ".join([place, *within.values()])

    def locate(self, error: E) -> E:
        """Put the place of the field that an error names before it."""
        error.where = f"{self.place(error.where)}: {error.where}" if error.where else self.name
        return error

    @contextlib.contextmanager
    def located(self) -> Iterator[None]:
        """Put their place before the fields that errors name."""
        try:
            yield
        except ZooError as error:
            self.locate(error)
            raise


@functools.lru_cache(maxsize=256)
def field_keys(field: str) -> tuple[str | int, ...]:
    """Return the keys of a field's path.

    Example:
        >>> field_keys("model.encoder.widths[0]")
        ('model', 'encoder', 'widths', 0)
    """
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", field)
    return tuple(int(index) if index else key.strip() for index, key in parts)


def join_lines(problems: Iterable[tuple[str, str]], origin: Origin | None = None, *, count: int | None = None) -> str:
    """Word several problems, one a line, each with its field and the line or the override that wrote it.

    Args:
        count: how many there are in all, if ``problems`` are the first of more.
    """
    lines = []
    for field, problem in problems:
        place = origin.place(field).removeprefix(origin.name).removeprefix(", ") if origin else ""
        lines.append(f"\n  {place}: {field}: {problem}" if place else f"\n  {field}: {problem}")
    total = len(lines) if count is None else count
    more = f"\n  … and {total - len(lines):,} more" if total > len(lines) else ""
    return f"{total:,} fields are wrong:{''.join(lines)}{more}"
