"""Faults that the test server commits on request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Fault:
    """What goes wrong with the next requests that match.

    Attributes:
        request: a pattern that "METHOD /path" is searched for.
        kind: ``status`` answers with one; ``drop`` closes the connection unanswered; ``lose`` does what was asked, then
            closes the connection; ``cut`` sends half of a body; ``flip`` changes a byte of it; ``swell`` adds to it;
            ``silence`` sends nothing of it and keeps the connection open; ``drip`` sends a byte now and then;
            ``nothing`` answers as always, after ``before`` and with ``headers``.
        times: how often; None for ever.
        before: what happens first, such as somebody else's commit.
    """

    request: str
    kind: Literal["status", "drop", "lose", "cut", "flip", "swell", "silence", "drip", "nothing"] = "status"
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": "something broke"}'
    times: int | None = None
    before: Callable[[], object] | None = None

    def matches(self, request: str) -> bool:
        """Whether it strikes now; each time counts."""
        if self.times == 0 or not re.search(self.request, request):
            return False
        if self.times is not None:
            self.times -= 1
        return True
