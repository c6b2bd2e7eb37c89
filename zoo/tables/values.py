"""The values of one column, whatever library or file they come from."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
GivenAs = Literal["float", "integer", "boolean", "text", "category", "date", "datetime"]
SECONDS_OF_DAY = 86_400


@dataclass(frozen=True)
class ColumnValues:
    """Some rows of one column.

    Attributes:
        values: (N,). float64 with NaN where a value is missing: numbers, 0 and 1 for booleans, days since
            1970-01-01 for dates. Of texts: objects, None where a value is missing.
        kind: what the source says that they are.
        given_as: as what they are to be given back.
        declared: the categories that the source declares, in order; empty where it declares none.
        timezone: of times.
    """

    values: Array
    kind: Literal["number", "boolean", "date", "text"]
    given_as: GivenAs
    declared: tuple[str, ...] = field(default=())
    timezone: str | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Array:
        """Which values are missing, (N,) bool."""
        if self.kind == "text":
            return np.fromiter((each is None for each in self.values), dtype=bool, count=len(self.values))
        return np.isnan(self.values)

    def as_texts(self) -> ColumnValues:
        """Return the same values as texts, so that they may be categories.

        Example:
            >>> ColumnValues(np.array([3.0, np.nan, 2.5]), "number", "float").as_texts().values
            array(['3', None, '2.5'], dtype=object)
        """
        if self.kind == "text":
            return self
        texts = np.full(len(self.values), None, dtype=object)
        here = ~np.isnan(self.values)
        distinct, places = np.unique(self.values[here], return_inverse=True)
        words = np.array([text_of(value, self.kind) for value in distinct.tolist()], dtype=object)
        texts[here] = words[places] if len(words) else []
        return replace(self, values=texts, kind="text")


def text_of(value: float, kind: str) -> str:
    """Return a number, a boolean or a day as the text that names it as a category.

    Example:
        >>> text_of(3.0, "number"), text_of(1.0, "boolean"), text_of(1.0, "date")
        ('3', 'True', '1970-01-02')
    """
    if kind == "boolean":
        return str(bool(value))
    if not math.isfinite(value):
        return repr(value)
    if kind == "date":
        moment = np.datetime64(round(value * SECONDS_OF_DAY), "s")
        return str(moment.astype("datetime64[D]") if value == int(value) else moment)
    return str(int(value)) if value == int(value) else repr(value)


def bucket(text: str, buckets: int) -> str:
    """Return the name of the category that a hash puts a text into, the same on every machine.

    Example:
        >>> bucket("Torvalds", 32)
        '#11'
    """
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return f"#{int.from_bytes(digest, 'little') % buckets}"
