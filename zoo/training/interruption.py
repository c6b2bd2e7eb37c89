"""Ctrl-C and SIGTERM: finish the step, save the state, then stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """While it is entered, the first SIGINT or SIGTERM only sets ``requested``; a second one acts as ever.

    Args:
        patient: a second one does nothing either. Launchers of several processes pass on what each of them was sent
            already, and kill what does not end in time.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.requested: str | None = None
        self._patient = patient
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        # Only the main thread may set handlers; elsewhere (a notebook's worker) signals are left alone.
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
        if not self._patient:
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
