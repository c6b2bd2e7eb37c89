"""Where progress is shown."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

_LARGEST = 1000


class ProgressConsole(Console):
    """A console for what need not be read: when its reader has left, it falls silent and the work goes on.

    Rich's own console would end the program, and with it a training of which somebody read the first lines only. It
    also takes any number in the environment as the size of a terminal, and writes lines of that length.
    """

    def __init__(self, **options: Any) -> None:
        if not all(_is_size(os.environ.get(name)) for name in ("COLUMNS", "LINES")):
            options = {"width": 80, "height": 25, **options}
        super().__init__(**options)

    def on_broken_pipe(self) -> None:
        """Fall silent."""
        self.quiet = True


def _is_size(value: str | None) -> bool:
    """Whether a value in the environment, or none, is a possible size of a terminal."""
    return value is None or (value.isascii() and value.isdigit() and len(value) < 5 and 0 < int(value) <= _LARGEST)
