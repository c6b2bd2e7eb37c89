"""Progress of training on the screen: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from zoo.errors import printable
from zoo.training.state import Position
from zoo.utils.console import ProgressConsole

_LINES = 20
"""The approximate maximum of lines for the epochs of a run."""


class Reporter(Protocol):
    """Shows the progress of training."""

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Called when training starts at this position, or continues from it."""

    def steps(self, position: Position, loss: float) -> None:
        """Called every few steps, with the loss of the last one."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Called after each epoch, with its record."""

    def note(self, text: str) -> None:
        """Show a message."""

    def stop(self) -> None:
        """Called when training has ended."""


class Silent:
    """Shows nothing."""

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Show nothing."""

    def steps(self, position: Position, loss: float) -> None:
        """Show nothing."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def stop(self) -> None:
        """Show nothing."""


def choose_reporter(reporter: Reporter | None, *, quiet: bool) -> Reporter:
    """Return the given reporter, or by default one that writes to a terminal, a log or a notebook; or a silent one."""
    if quiet:
        return Silent()
    if reporter is not None:
        return reporter
    # A notebook shows standard error on a red background. Its output is not a terminal, so lines are printed.
    in_notebook = "ipykernel" in sys.modules
    return ConsoleReporter(ProgressConsole(stderr=not in_notebook, force_jupyter=False))


class ConsoleReporter:
    """Shows a bar with the rate and the time left on a terminal, and prints a line per epoch everywhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress | None = None
        self.task: TaskID | None = None

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Show an empty bar."""
        self.epochs, self.total_steps, self.batch_size = epochs, total_steps, batch_size
        self.began, self.first_step = time.monotonic(), position.step
        if self.console.is_terminal:
            self.progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}"),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self.task = self.progress.add_task("training", total=total_steps, completed=position.step, facts="")
            self.progress.start()

    def steps(self, position: Position, loss: float) -> None:
        """Move the bar."""
        if self.progress is not None and self.task is not None:
            facts = f"loss {loss:.4g} · {self._rate(position.step):,.0f} examples/s"
            self.progress.update(self.task, completed=position.step, facts=facts)

    def epoch(self, record: dict[str, Any]) -> None:
        """Print a line with the losses, the rate and the time left; in a long run, about twenty lines in total."""
        number, last = record["epoch"], record["step"] >= self.total_steps
        if number % max(1, self.epochs // _LINES) == 0 or number == 1 or last:
            rate = self._rate(record["step"])
            left = (self.total_steps - record["step"]) * self.batch_size / max(1e-9, rate)
            parts = [
                f"epoch {number:>{len(str(self.epochs))}}/{self.epochs}",
                f"train {_number(record['train']['loss'])}",
                *([f"validation {_losses(record['validation'])}"] if "validation" in record else []),
                f"{rate:,.0f} examples/s",
                *([] if last else [f"{_duration(left)} left"]),
            ]
            self.console.print(printable(" · ".join(parts)), highlight=False, soft_wrap=True, markup=False)

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(printable(text), highlight=False, soft_wrap=True, markup=False)

    def stop(self) -> None:
        """Remove the bar."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _rate(self, step: int) -> float:
        return (step - self.first_step) * self.batch_size / max(1e-9, time.monotonic() - self.began)


def throttled(note: Callable[[str], None], seconds: float = 5.0) -> Callable[[str], None]:
    """Return a function that calls ``note`` at most once in ``seconds`` seconds, and drops the texts in between.

    The first text is shown after ``seconds`` seconds at the earliest, so that short work prints nothing.

    Example:
        >>> note = throttled(print, seconds=60)
        >>> note("Measuring elbo …")
    """
    last = time.monotonic()

    def call(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            note(text)
            last = time.monotonic()

    return call


def _losses(terms: dict[str, float]) -> str:
    """Return the loss, with its terms in brackets; the ELBO is left out, and a single term that equals the loss."""
    inner = [
        f"{name.replace('_', ' ')} {_number(value)}" for name, value in terms.items() if name not in ("loss", "elbo")
    ]
    return _number(terms["loss"]) + (f" ({', '.join(inner)})" if len(inner) > 1 else "")


def _number(value: float) -> str:
    if abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
