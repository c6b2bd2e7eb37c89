"""Where progress is shown."""

from __future__ import annotations

from rich.console import Console


class ProgressConsole(Console):
    """A console for what need not be read: when its reader has left, it falls silent and the work goes on.

    Rich's own console would end the program, and with it a training of which somebody read the first lines only.
    """

    def on_broken_pipe(self) -> None:
        """Fall silent."""
        self.quiet = True
