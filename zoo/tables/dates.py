"""Dates and times as texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timezone

from zoo.tables.values import SECONDS_OF_DAY

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_EPOCH = date(1970, 1, 1).toordinal()


def are_dates(texts: Iterable[str], date_format: str | None) -> bool:
    """Whether every text is a date."""
    return all(day_of(text, date_format) is not None for text in texts)


def day_of(text: str, date_format: str | None) -> float | None:
    """Return a date as days since 1970-01-01, with the time as a fraction; or None if it is not a date.

    Args:
        date_format: as of ``strptime``; None: as in ISO 8601.

    Example:
        >>> day_of("1970-01-02T12:00", None), day_of("03/01/1970", "%d/%m/%Y"), day_of("1970-13-01", None)
        (1.5, 2.0, None)
    """
    try:
        if date_format is not None:
            moment = datetime.strptime(text, date_format)
        elif _ISO.fullmatch(text) is None:
            return None
        elif len(text) == 10:
            return float(date.fromisoformat(text).toordinal() - _EPOCH)
        else:
            # Python 3.10 reads neither Z nor an offset without a colon.
            moment = datetime.fromisoformat(re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text.replace("Z", "+00:00")))
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    return moment.toordinal() - _EPOCH + seconds / SECONDS_OF_DAY
