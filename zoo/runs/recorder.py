"""The recorder of a run: it writes files, shows progress, and sends numbers and figures to trackers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as MatplotlibFigure

from zoo.report.gallery import save_figure
from zoo.runs.stage import StageFiles
from zoo.runs.trackers import Trackers
from zoo.training.progress import Reporter
from zoo.training.state import Position, TrainingState
from zoo.utils.text import numbered, portable_name, take_name

_NOT_TRACKED = ("epoch", "step", "best")


class RunRecorder:
    """Writes the files of a stage during training.

    Args:
        files: the files of the stage.
        figures: the folder for the figures of callbacks.
        save_best: writes the current weights as the best ones.
        save_epoch: writes the current weights as those of an epoch, numbered from 1, if they are to be kept.
        prefix: prefix of the names that are sent to trackers.
    """

    def __init__(
        self,
        files: StageFiles,
        figures: Path,
        reporter: Reporter,
        trackers: Trackers,
        save_best: Callable[[], None],
        save_epoch: Callable[[int], None] = lambda epoch: None,
        prefix: str = "",
    ) -> None:
        self.files, self.figures, self.reporter, self.trackers = files, figures, reporter, trackers
        self.save_best, self.save_epoch, self.prefix = save_best, save_epoch, prefix
        self._paths: dict[str, Path] = {}
        self._taken: set[str] = set()

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        """Show the loss."""
        self.reporter.steps(position, loss)

    def on_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """Write the checkpoints that are due, and the epoch's record."""
        if is_best:
            self.save_best()
        self.save_epoch(record["epoch"])
        self.files.append_metrics(record)
        self.reporter.epoch(record)
        tracked = {f"{self.prefix}{name}": value for name, value in record.items() if name not in _NOT_TRACKED}
        self.trackers.log(tracked, record["step"])

    def on_state(self, state: TrainingState) -> None:
        """Write the state."""
        self.files.write_state(state)

    def on_values(self, values: Mapping[str, float], step: int) -> None:
        """Send a callback's numbers to the trackers."""
        self.trackers.log({f"{self.prefix}{name}": value for name, value in values.items()}, step)

    def on_figure(self, name: str, figure: MatplotlibFigure, step: int) -> None:
        """Write a callback's figure, and send it to the trackers."""
        if name not in self._paths:  # the figures "a:b" and "a_b" get files with different names
            self._paths[name] = self.figures / f"{take_name(numbered(portable_name(name)), self._taken)}.png"
        path = self._paths[name]
        save_figure(figure, path)
        self.trackers.show(f"{self.prefix}{name}", path, step)
