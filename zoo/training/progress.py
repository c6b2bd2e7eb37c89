"""What a person sees while training runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from zoo.training.snapshot import Position


class Reporter(Protocol):
    """Shows how training goes."""

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Training begins, or goes on from this position."""

    def steps(self, position: Position, loss: float) -> None:
        """A few more steps are done."""

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch is done."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""

    def stop(self) -> None:
        """Training is over."""


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


class ConsoleReporter:
    """Shows a bar with rate and time left on a terminal, and a line an epoch everywhere."""

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
        """Print a line with the loss terms, the rate, and the time left."""
        left = (self.total_steps - record["step"]) / max(1e-9, self._rate(record["step"]) / self.batch_size)
        parts = [f"epoch {record['epoch']:>{len(str(self.epochs))}}/{self.epochs}"]
        parts += [f"{split} {_terms(record[split])}" for split in ("train", "validation") if split in record]
        parts += [f"{self._rate(record['step']):,.0f} examples/s", f"{_duration(left)} left"]
        self.console.print(" · ".join(parts) + (" · best" if record["best"] else ""), highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def stop(self) -> None:
        """Remove the bar."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _rate(self, step: int) -> float:
        return (step - self.first_step) * self.batch_size / max(1e-9, time.monotonic() - self.began)


def _terms(terms: dict[str, float]) -> str:
    return " ".join(
        f"{name} {value:.2f}" if abs(value) >= 1 else f"{name} {value:.4f}" for name, value in terms.items()
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
