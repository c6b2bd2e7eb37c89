"""Statistics of a column, collected while its rows are read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zoo.tables.dates import are_dates
from zoo.tables.numbers import CODE, GROUPED, PLAIN, STYLES, WHOLE, NumberStyle, parsed_or_none
from zoo.tables.values import ColumnValues, GivenAs


@dataclass
class ColumnScan:
    """Statistics of a column, collected block by block.

    Attributes:
        count: rows.
        missing: of these, how many hold no value.
        distinct: its different texts, up to a limit; of numbers, where they are taken for categories.
        many: whether there are more.
        styles: in which styles all of its texts are numbers.
        whole: whether its numbers are whole; fractions: whether some are written with a fraction, such as 3.0.
        odd: the first text that is not a number in any style, and its row from 1.
        comma: the first text with a comma; empty: there is none.
    """

    name: str
    forced: str | None
    limit: int
    date_format: str | None
    count: int = 0
    missing: int = 0
    kinds: set[str] = field(default_factory=set)
    given_as: set[GivenAs] = field(default_factory=set)
    declared: tuple[str, ...] = ()
    timezone: str | None = None
    distinct: dict[str, None] = field(default_factory=dict)
    many: bool = False
    styles: list[NumberStyle] = field(default_factory=lambda: list(STYLES))
    numbers: int = 0
    odd: tuple[str, int] | None = None
    comma: str = ""
    whole: bool = True
    fractions: bool = False
    zero_one: bool = True
    both: set[float] = field(default_factory=set)
    codes: bool = False
    dates: bool = True
    dotted: bool = False

    def update(self, values: ColumnValues) -> None:
        """Add more rows."""
        missing = values.missing
        start, self.count = self.count, self.count + len(values)
        self.missing += int(missing.sum())
        self.timezone = self.timezone or values.timezone
        if missing.all():
            return
        self.kinds.add(values.kind)
        self.given_as.add(values.given_as)
        if not set(values.declared) <= set(self.declared):
            self.declared = (*self.declared, *(each for each in values.declared if each not in self.declared))
        if values.kind == "number":
            self._see_numbers(values.values[~missing])
        if values.kind == "text" or self.forced in ("categorical", "hash"):
            self._see_texts(values.as_texts().values, missing, start)

    def _see_numbers(self, numbers: np.ndarray) -> None:
        self.whole = self.whole and bool((numbers == np.floor(numbers)).all())
        if self.zero_one:
            self.zero_one = bool(np.isin(numbers, (0.0, 1.0)).all())
            self.both |= set(np.unique(numbers)) if self.zero_one else set()

    def _see_texts(self, values: np.ndarray, missing: np.ndarray, start: int) -> None:
        texts = values[~missing]
        new = [text for text in dict.fromkeys(texts.tolist()) if text not in self.distinct]
        for text in new:
            if len(self.distinct) >= self.limit:
                self.many = True
                break
            self.distinct[text] = None
        if not new or "text" not in self.kinds:
            return
        self.comma = self.comma or next((text for text in new if "," in text), "")
        self.dates = self.dates and are_dates(new, self.date_format)
        array = np.array([*new, None], dtype=object)[:-1]
        self.codes = self.codes or any(CODE.fullmatch(text) for text in new)
        dotted = any("." in text for text in new)
        self.dotted = self.dotted or dotted
        numbers = self._parsed(array, dotted)
        if numbers is not None:
            self.numbers += len(new)
            self._see_numbers(numbers[np.isfinite(numbers)])
            self.fractions = self.fractions or not all(WHOLE.fullmatch(text) for text in new)
            return
        number_like = [text for text in new if any(style.pattern.fullmatch(text) for style in STYLES)]
        self.numbers += len(number_like)
        if self.odd is None and len(number_like) < len(new):
            odd = next(text for text in new if text not in set(number_like))
            self.odd = odd, start + 1 + next(place for place, text in enumerate(values) if text == odd)

    def _parsed(self, texts: np.ndarray, dotted: bool) -> np.ndarray | None:
        """Return texts as numbers in the first style that takes all; styles that do not take them are ruled out."""
        numbers = None
        for style in [*self.styles]:
            # What is a plain number is a grouped one too, and one with a decimal comma if it has no point.
            if numbers is not None and self.styles[0] is PLAIN and (style is GROUPED or not dotted):
                continue
            found = parsed_or_none(texts, style)
            numbers = found if numbers is None else numbers
            if found is None:
                self.styles.remove(style)
        return numbers
