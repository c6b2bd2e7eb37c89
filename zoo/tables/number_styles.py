"""Inference of how the numbers of a file and of its columns are written."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from zoo.errors import DataError
from zoo.tables.numbers import COMMA, GROUPED, PLAIN, NumberStyle
from zoo.tables.options import TableOptions
from zoo.tables.scan import ColumnScan


def style_of_file(scans: Iterable[ColumnScan], options: TableOptions) -> NumberStyle | None:
    """Return the style that some column decides for the whole file, or that was chosen; None: none is decided.

    Raises:
        DataError: one column uses decimal commas, another thousands commas.
    """
    if options.decimal == ",":
        return COMMA
    if options.decimal == "." or options.thousands == ",":
        return GROUPED
    deciding: dict[str, ColumnScan] = {}
    for scan in scans:
        if len(scan.styles) == 1 and scan.styles[0] is not PLAIN and scan.kinds == {"text"}:
            deciding[scan.styles[0].name] = scan
    if len(deciding) == 2:
        comma, grouped = deciding["comma"].name, deciding["grouped"].name
        raise DataError(
            f"the column {comma!r} is written with decimal commas, {grouped!r} with commas between thousands",
            where="decimal",
            remedy="Write the numbers of all columns alike, or leave one of them out.",
        )
    return {"comma": COMMA, "grouped": GROUPED}[next(iter(deciding))] if deciding else None


def style_of_column(scan: ColumnScan, of_file: NumberStyle | None) -> NumberStyle | None:
    """Return how the numbers of a column are written, or None if they are not numbers.

    Raises:
        DataError: 1,234 may be read in two ways.
    """
    if scan.kinds != {"text"} or not scan.styles or not scan.numbers:
        return None
    if of_file in scan.styles and (PLAIN not in scan.styles or (of_file is COMMA and scan.dotted)):
        return of_file
    if PLAIN in scan.styles:
        return PLAIN
    if len(scan.styles) == 1:
        return scan.styles[0]
    if scan.forced in ("categorical", "hash"):
        return None
    shown = scan.comma  # there is one: of texts that both styles take, the others are plain numbers
    raise DataError(
        f"the column {scan.name!r} holds numbers such as {shown!r}, which may be "
        f"{COMMA.parse(np.array([shown], dtype=object))[0]:g} or {GROUPED.parse(np.array([shown], dtype=object))[0]:g}",
        where="decimal",
        remedy='State it: `decimal: ","`, or `thousands: ","`.',
    )
