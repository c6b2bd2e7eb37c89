"""The interface through which training reports its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from matplotlib.figure import Figure as MatplotlibFigure

from zoo.training.state import Position, TrainingState


class Recorder(Protocol):
    """Writes the files of a run, shows progress, and feeds experiment trackers."""

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """Called every few steps, with the loss of the last one."""

    def on_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """Called after each epoch, with its record, which is a line of ``metrics.jsonl``."""

    def on_state(self, state: TrainingState) -> None:
        """Save a state."""

    def on_values(self, values: Mapping[str, float], step: int) -> None:
        """Log the numbers of a callback."""

    def on_figure(self, name: str, figure: MatplotlibFigure, step: int) -> None:
        """Save the figure of a callback."""


class NullRecorder:
    """Records nothing; used by all processes except the first."""

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """Show nothing."""

    def on_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """Write nothing."""

    def on_state(self, state: TrainingState) -> None:
        """Write nothing."""

    def on_values(self, values: Mapping[str, float], step: int) -> None:
        """Log nothing."""

    def on_figure(self, name: str, figure: MatplotlibFigure, step: int) -> None:
        """Draw nothing."""
