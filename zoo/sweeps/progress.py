"""What a person sees while a sweep runs: a line for each run that ends, and on a terminal a bar for each that runs."""

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
    """Shows how a sweep goes, on standard error or in a notebook.

    Args:
        quiet: show nothing.
    """

    def __init__(self, directory: SweepDirectory, *, quiet: bool) -> None:
        # A notebook shows standard error on red, and its output is not a terminal.
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
        """Take note of how many runs there are, and of how many nothing is left to do."""
        self._total, self._ended = total, ended

    def begin(self, run: SweepRun, epochs: int | None) -> None:
        """Show that a run has started; None: how many epochs it has depends on its data."""
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
            self._tasks[run.name] = self._bars.add_task(run.name, total=epochs, facts="begins")

    def epochs(self, name: str, done: int) -> None:
        """Show how many epochs of a run are done."""
        if self._bars is not None and name in self._tasks and done:
            total = self._bars.tasks[self._bars.task_ids.index(self._tasks[name])].total
            facts = f"epoch {done}" if total is None else f"epoch {done}/{total:.0f}"
            self._bars.update(self._tasks[name], completed=done, facts=facts)

    def look(self) -> None:
        """Show the epochs that running runs have recorded, wherever they are trained."""
        for name in self._tasks if self._bars is not None else ():
            try:
                recorded = self._directory.run(name).training.recorded_epochs()
            except CheckpointError:  # the run itself says what is wrong with its file
                continue
            self.epochs(name, recorded)

    def end(self, run: SweepRun, metric: MetricSpec) -> None:
        """Print a line for a run that has ended."""
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
    """Shows a run that is trained in this process as a bar of the sweep."""

    def __init__(self, progress: SweepProgress, name: str) -> None:
        self._progress, self._name = progress, name

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Show how far an earlier attempt came."""
        self._progress.epochs(self._name, position.epoch)

    def steps(self, position: Position, loss: float) -> None:
        """Show nothing: the bar counts epochs."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Move the bar."""
        self._progress.epochs(self._name, record["epoch"])

    def note(self, text: str) -> None:
        """Show nothing: the same would be said of each run."""

    def stop(self) -> None:
        """Show nothing: the evaluation follows."""


def _value(run: SweepRun, metric: MetricSpec) -> str:
    value = run.record["metrics"].get(metric.name)
    return number(value) if isinstance(value, (int, float)) else "–"
