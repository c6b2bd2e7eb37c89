"""Where training reports its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from matplotlib.figure import Figure as MatplotlibFigure

from zoo.training.state import Position, TrainingState


class Recorder(Protocol):
    """Writes the files of a run, shows progress, and feeds experiment trackers."""

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """A few more steps were made; ``loss`` is that of the last one."""

    def on_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """An epoch has ended; ``record`` is its object in ``metrics.jsonl``."""

    def on_state(self, state: TrainingState) -> None:
        """A state must be saved."""

    def on_values(self, values: Mapping[str, float], step: int) -> None:
        """A callback logs numbers."""

    def on_figure(self, name: str, figure: MatplotlibFigure, step: int) -> None:
        """A callback shows a figure."""


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
