"""Progress of a sweep on the screen: a line for each finished run, and on a terminal a bar for each running one."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from zoo.errors import CheckpointError, printable
from zoo.evaluation.tables import number
from zoo.sweeps.directory import SweepDirectory
from zoo.sweeps.results import SweepRun
from zoo.sweeps.spec import MetricSpec
from zoo.training.state import Position
from zoo.utils.console import ProgressConsole


class SweepProgress:
    """Shows the progress of a sweep, on standard error or in a notebook.

    Args:
        quiet: show nothing.
    """

    def __init__(self, directory: SweepDirectory, *, quiet: bool) -> None:
        # A notebook shows standard error on a red background, and its output is not a terminal.
        self.console = ProgressConsole(stderr="ipykernel" not in sys.modules, force_jupyter=False, quiet=quiet)
        self._directory = directory
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._total = self._ended = 0

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(printable(text), highlight=False, soft_wrap=True, markup=False)

    def plan(self, total: int, ended: int) -> None:
        """Set the total number of runs, and the number of those that have ended."""
        self._total, self._ended = total, ended

    def begin(self, run: SweepRun, epochs: int | None) -> None:
        """Show that a run has started; ``epochs`` is None if its number of epochs depends on its data."""
        self._began[run.name] = time.monotonic()
        if self.console.is_terminal and not self.console.quiet:
            if self._bars is None:
                columns = (
                    TextColumn("{task.description}", markup=False),
                    BarColumn(),
                    TextColumn("{task.fields[facts]}"),
                )
                self._bars = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
                self._bars.start()
            self._tasks[run.name] = self._bars.add_task(run.name, total=epochs, facts="starting")

    def epochs(self, name: str, done: int) -> None:
        """Show the number of finished epochs of a run."""
        if self._bars is not None and name in self._tasks and done:
            total = self._bars.tasks[self._bars.task_ids.index(self._tasks[name])].total
            facts = f"epoch {done}" if total is None else f"epoch {done}/{total:.0f}"
            self._bars.update(self._tasks[name], completed=done, facts=facts)

    def refresh(self) -> None:
        """Show the number of recorded epochs of all running runs, also of those on other machines."""
        for name in self._tasks if self._bars is not None else ():
            try:
                recorded = self._directory.run(name).training.recorded_epochs()
            except CheckpointError:  # the run itself reports it
                continue
            self.epochs(name, recorded)

    def end(self, run: SweepRun, metric: MetricSpec) -> None:
        """Print a line for a run that has ended, done or failed."""
        self._ended += 1
        if self._bars is not None and run.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(run.name))
        seconds = round(time.monotonic() - self._began.pop(run.name))
        place = f"{self._ended:>{len(str(self._total))}}/{self._total} {run.name}"
        if run.state == "done":
            self.note(f"{place}: done in {seconds // 60}:{seconds % 60:02d}, {metric.name} {_value(run, metric)}")
        else:
            problem = (run.problem or "").splitlines()
            self.note(f"{place}: failed: {problem[0] if problem else ''}")

    def stop(self) -> None:
        """Remove the bars."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class RunReporter:
    """The reporter of a run in this process: it moves the run's bar in the sweep's progress."""

    def __init__(self, progress: SweepProgress, name: str) -> None:
        self._progress, self._name = progress, name

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Show the position of an earlier attempt."""
        self._progress.epochs(self._name, position.epoch)

    def steps(self, position: Position, loss: float) -> None:
        """Show nothing: the bar counts epochs."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Move the bar."""
        self._progress.epochs(self._name, record["epoch"])

    def note(self, text: str) -> None:
        """Show nothing: all runs would show the same notes."""

    def stop(self) -> None:
        """Show nothing: the evaluation follows."""


def _value(run: SweepRun, metric: MetricSpec) -> str:
    value = run.record["metrics"].get(metric.name)
    return number(value) if isinstance(value, (int, float)) else "–"
