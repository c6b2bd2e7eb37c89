"""Rows: the results of a model for each example, with the example's name or number."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.spec.data_description import DataDescription

Array = npt.NDArray[Any]
Block = dict[str, Array]
"""Consecutive rows: the values (B, *shape) of each quantity, by its name."""


@dataclass(frozen=True)
class Quantity:
    """A quantity with a value for each example.

    Attributes:
        name: its name in :class:`Rows` and in ``.npz`` files.
        shape: shape of one value; () for a single number or text.
        columns: names of the values in a table; by default ``name``, with a number if there are several.
        meaning: a phrase that describes it.
        unit: ``nats``, …; None if it has none.
        depends_on_units: whether its value depends on the units of the data, as that of a density does.

    Example:
        >>> Quantity("z", (3,)).columns, Quantity("log_likelihood").columns
        (('z0', 'z1', 'z2'), ('log_likelihood',))
    """

    name: str
    shape: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    meaning: str = ""
    unit: str | None = None
    depends_on_units: bool = False

    def __post_init__(self) -> None:
        if not self.columns:
            size = int(np.prod(self.shape))
            names = tuple(f"{self.name}{number}" for number in range(size)) if self.shape else (self.name,)
            object.__setattr__(self, "columns", names)


@dataclass(frozen=True)
class RowStream:
    """Rows that are computed in blocks while they are read, so that memory use does not grow with their number.

    Attributes:
        what: the kind of the rows in the plural: ``embeddings``, ``scores``, ….
        count: number of rows.
        keys: the quantities that identify a row: ``split`` if there are several; ``name`` or ``row``; ``class`` if
            there are labels.
        quantities: the results for each row.
        blocks: the rows; they can be read only once.
        data: the description of the data, which determines how examples are shown as images.
        images: the quantities that are images; a grid shows them below each other, a folder contains the last one.
    """

    what: str
    count: int
    keys: tuple[Quantity, ...]
    quantities: tuple[Quantity, ...]
    blocks: Iterator[Block]
    data: DataDescription
    images: tuple[str, ...] = ()

    @property
    def all_quantities(self) -> tuple[Quantity, ...]:
        """The keys and then the quantities."""
        return (*self.keys, *self.quantities)

    def collect(self) -> Rows:
        """Compute and return all rows."""
        blocks = list(self.blocks)
        values = {each.name: _joined([block[each.name] for block in blocks], each) for each in self.all_quantities}
        return Rows(self, values)


class Rows(Mapping[str, Array]):
    """The results of a model: arrays by name, with a row for each example.

    Example:
        >>> import torch, zoo
        >>> rows = zoo.embed(zoo.load("vae-mlp-2d.digits"), torch.rand(3, 1, 8, 8))
        >>> list(rows), rows["z"].shape, rows["row"]
        (['row', 'z'], (3, 2), array([0, 1, 2]))
    """

    def __init__(self, stream: RowStream, values: Mapping[str, Array]) -> None:
        self._stream, self._values = stream, dict(values)

    def __getitem__(self, name: str) -> Array:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in self._values.items())
        return f"<{self._stream.count:,} {self._stream.what}: {shapes}>"

    def to_frame(self) -> Any:
        """Return a DataFrame of pandas with a column for each number.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = importlib.import_module("pandas")
        quantities = self._stream.all_quantities
        return pandas.DataFrame({name: column for each in quantities for name, column in flat(each, self[each.name])})

    def save(self, path: str | Path) -> Path:
        """Write the rows to a file; its suffix determines the format, see :func:`zoo.use.files.write`.

        Raises:
            InputError: a file of this format cannot contain them, or the path is not that of a file.
        """
        from zoo.use.files import write

        return write(replace(self._stream, blocks=iter([self._values])), path)


def flat(quantity: Quantity, values: Array) -> Iterator[tuple[str, Array]]:
    """Yield the columns (B,) of a quantity's values (B, *shape) with their names."""
    rows = values.reshape(len(values), -1)
    yield from ((name, rows[:, place]) for place, name in enumerate(quantity.columns))


def _joined(values: list[Array], quantity: Quantity) -> Array:
    return np.concatenate(values) if values else np.zeros((0, *quantity.shape), np.float32)
