"""The console on which progress is shown."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

_LARGEST = 1000


class ProgressConsole(Console):
    """A console that stops printing on a broken pipe, and ignores impossible sizes of a terminal.

    Rich's own console would end the program, such as a training, on a broken pipe; and it accepts any number in the
    environment as the size of the terminal.
    """

    def __init__(self, **options: Any) -> None:
        if not all(_is_size(os.environ.get(name)) for name in ("COLUMNS", "LINES")):
            options = {"width": 80, "height": 25, **options}
        super().__init__(**options)

    def on_broken_pipe(self) -> None:
        """Stop printing."""
        self.quiet = True


def _is_size(value: str | None) -> bool:
    """Return whether the value of an environment variable, or None, is a possible size of a terminal."""
    return value is None or (value.isascii() and value.isdigit() and len(value) < 5 and 0 < int(value) <= _LARGEST)
