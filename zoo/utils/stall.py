"""Detection of downloads that stall."""

from __future__ import annotations

import time

from zoo.utils.text import readable_size

MIN_BYTES_PER_SECOND, WINDOW_SECONDS = 1000, 60.0
"""A download counts as stalled if it is slower than this on average, over this many seconds."""


class StallCheck:
    """Measures the speed of a download in consecutive windows of a minute.

    An average since the beginning would hide a stall after a fast start.

    Args:
        received: the bytes received before, by an earlier attempt.
    """

    def __init__(self, received: int = 0) -> None:
        self._since, self._received = time.monotonic(), received

    def stalled(self, received: int) -> str | None:
        """Return how little came in the last window, such as ``"12 bytes in 60 seconds"``; None if it was enough.

        Call it whenever data arrive: it does not notice a server that sends nothing, which a timeout ends.

        Args:
            received: the bytes received so far.
        """
        now = time.monotonic()
        seconds, size = now - self._since, received - self._received
        if seconds <= WINDOW_SECONDS:
            return None
        self._since, self._received = now, received
        return f"{readable_size(size)} in {seconds:.0f} seconds" if size < MIN_BYTES_PER_SECOND * seconds else None
