"""Numbers as people write them: decimal points and commas, thousands separators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from zoo.tables.values import Array

_EXPONENT = r"(?:[eE][+-]?\d+)?"
_INFINITE = r"[+-]?(?:inf|infinity|∞)"


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        name: ``plain`` (1234.5), ``grouped`` (1,234.5) or ``comma`` (1.234,5 and 1234,5).
        pattern: what a number of this style looks like.
        group: what separates thousands.
        decimal: what separates the fraction.
    """

    name: str
    pattern: re.Pattern[str]
    group: str
    decimal: str

    def takes(self, texts: Iterable[str]) -> bool:
        """Whether every text is a number of this style."""
        return all(self.pattern.fullmatch(text) for text in texts)

    def parse(self, texts: Array) -> Array:
        """Return texts (N,), all of which are of this style, as float64."""
        return np.array([self._plain(text) for text in texts], dtype=object).astype("float64")

    def _plain(self, text: str) -> str:
        return text.replace(self.group, "").replace(self.decimal, ".").replace("∞", "inf")


def _style(name: str, digits: str, group: str, decimal: str) -> NumberStyle:
    pattern = re.compile(rf"[+-]?(?:{digits}){_EXPONENT}|{_INFINITE}", re.IGNORECASE)
    return NumberStyle(name, pattern, group, decimal)


PLAIN = _style("plain", r"\d+\.?\d*|\.\d+", "", ".")
GROUPED = _style("grouped", r"\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+", ",", ".")
COMMA = _style("comma", r"\d{1,3}(?:\.\d{3})+(?:,\d*)?|\d+(?:,\d*)?|,\d+", ".", ",")
STYLES = (PLAIN, GROUPED, COMMA)
WHOLE = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+|[+-]?\d+")
CODE = re.compile(r"0\d+")
"""A text of digits that begins with a zero, such as a postal code, is a name and not a number."""


def parsed_or_none(texts: Array, style: NumberStyle) -> Array | None:
    """Return texts (N,) as float64, or None if one of them is not a number of this style."""
    if style is PLAIN and len(texts):
        # Python's parser is much faster than a regular expression, but it also takes 1_000 and nan.
        try:
            values = texts.astype("float64")
        except ValueError:
            return style.parse(texts) if style.takes(texts) else None
        doubtful = np.isnan(values).any() or any("_" in text for text in texts)
        return None if doubtful and not style.takes(texts) else values
    return style.parse(texts) if style.takes(texts) else None
