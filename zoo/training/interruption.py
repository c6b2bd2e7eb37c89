"""Ctrl-C and SIGTERM: finish the step, save the state, then stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """A context in which the first SIGINT or SIGTERM only sets ``requested``; a second one has its usual effect.

    Args:
        ignore_second: ignore a second signal too. Launchers of several processes forward a signal that each process
            has already received, and kill processes that do not end in time.
    """

    def __init__(self, *, ignore_second: bool = False) -> None:
        self.requested: str | None = None
        self._ignore_second = ignore_second
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        # Only the main thread may set handlers; in another one, such as a notebook's worker, signals have their usual
        # effect.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = signal.Signals(number).name
        if not self._ignore_second:
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
