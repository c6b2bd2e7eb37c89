"""The origin of the fields of a recipe: a line of a file, or an override."""

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
    """The origin of the fields of a recipe, for error messages.

    Attributes:
        name: the path of the file, or another name of the recipe.
        path: the file, if there is one.
        overrides: ``KEY=VALUE`` texts in the order in which they were applied; the last one wins.

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
        """Return the override, or the file and line, that set a field.

        For a field that contains others, it is the file together with the overrides of the fields in it.
        """
        keys = field_keys(field)
        for override in reversed(self.overrides):
            written = field_keys(override.partition("=")[0])
            if written == keys[: len(written)]:
                return f"--set {override}"
        line = line_of(self.path, keys) if self.path and field else None
        place = f"{self.name}, line {line}" if line else self.name
        # If fields do not fit together, one of them may come from an override.
        within: dict[tuple[str | int, ...], str] = {}
        for override in self.overrides if field else ():
            written = field_keys(override.partition("=")[0])
            if written[: len(keys)] == keys:
                # A later override replaces what earlier ones wrote.
                within = {key: text for key, text in within.items() if key[: len(written)] != written}
                within[written] = f"--set {override}"
        return ", with ".join([place, *within.values()])

    def locate(self, error: E) -> E:
        """Add the origin of the field that an error names."""
        error.where = f"{self.place(error.where)}: {error.where}" if error.where else self.name
        return error

    @contextlib.contextmanager
    def located(self) -> Iterator[None]:
        """Add the origin of their fields to errors that are raised inside the block."""
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
    """Describe several problems, one per line, each with its field and the origin of the field.

    Args:
        count: the total number of problems, if ``problems`` are only the first ones.
    """
    lines = []
    for field, problem in problems:
        place = origin.place(field).removeprefix(origin.name).removeprefix(", ") if origin else ""
        lines.append(f"\n  {place}: {field}: {problem}" if place else f"\n  {field}: {problem}")
    total = len(lines) if count is None else count
    more = f"\n  … and {total - len(lines):,} more" if total > len(lines) else ""
    return f"{total:,} fields are wrong:{''.join(lines)}{more}"
