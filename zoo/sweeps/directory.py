"""The directory of a sweep: its specification, a run directory for each run, the table and the figure."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import CheckpointError, RunError
from zoo.runs.directory import RunDirectory
from zoo.runs.folder import check_no_other_files, locked
from zoo.spec.documents import read_yaml, to_yaml
from zoo.spec.validation import validate
from zoo.sweeps.axes import Axes, Choice, contains
from zoo.sweeps.spec import SweepSpec
from zoo.utils.files import append_line, is_partial, write_text
from zoo.utils.foreign import parsing, read_text
from zoo.utils.text import excerpt

SPEC, TRIALS, RESULTS, TABLE, FIGURE = "sweep.yaml", "trials.jsonl", "sweep.json", "table.csv", "figures/sweep.png"
_LARGEST = 2**26


class SweepDirectory:
    """The files of one sweep.

    - ``sweep.yaml``: the recipe, the varied fields, the seeds and the search.
    - ``runs/NAME``: the run directory of each combination and seed.
    - ``trials.jsonl``: the combinations that a search proposed, one per line.
    - ``sweep.json``: the metrics of all runs, with means, standard deviations and differences; ``table.csv``: a table.
    - ``figures/sweep.png``.
    - ``failures/NAME.txt``: the traceback of a run that failed with an unexpected error.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def exists(self) -> bool:
        """Whether the directory contains a sweep."""
        return (self.path / SPEC).is_file()

    def run(self, name: str) -> RunDirectory:
        """Return the directory of a run."""
        return RunDirectory(self.path / "runs" / name)

    def finished_runs(self) -> list[RunDirectory]:
        """Return the directories of all finished runs, sorted by name."""
        folder = self.path / "runs"
        runs = [RunDirectory(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []
        return [run for run in runs if run.exists() and run.is_finished()]

    def check_free(self, *, resume: bool) -> None:
        """Check that a sweep can be written to the path.

        Raises:
            RunError: the directory contains another sweep, unless it is to be resumed, or other files.
        """
        if self.exists() and not resume:
            raise RunError(
                "the directory already contains a sweep",
                where=str(self.path),
                remedy="Continue it with --resume, or choose another --out.",
            )
        if not self.exists():
            check_no_other_files(self.path, "sweep")

    @contextlib.contextmanager
    def opened(self, spec: SweepSpec, *, resume: bool) -> Iterator[SweepSpec]:
        """Lock the directory, write the specification of the sweep, and yield it.

        Args:
            resume: continue an existing sweep, with its additional values, seeds or trials.

        Raises:
            RunError: the directory contains another sweep, or another process is working on it.
        """
        with locked(self.path, "another process is working on this sweep"):
            self.check_free(resume=resume)
            for place in (self.path, self.path / "figures", self.path / "failures"):
                _remove_partial_in(place)
            if self.exists():
                spec = self.read_spec().continued_by(spec, str(self.path))
            write_text(self.path / SPEC, to_yaml(spec.to_dict()))
            yield spec

    def read_spec(self) -> SweepSpec:
        """Return the specification of the sweep.

        Raises:
            RecipeError: the file is damaged.
        """
        document = read_yaml(self.path / SPEC)
        return validate(SweepSpec, document, str(self.path / SPEC))

    def read_trials(self, axes: Axes) -> list[Choice]:
        """Return the combinations that a search proposed so far.

        Args:
            axes: the varied fields; each combination must have a value for each of them.

        Raises:
            CheckpointError: the file is damaged.
        """
        path = self.path / TRIALS
        if not path.exists():
            return []
        with parsing(path, CheckpointError):
            whole, _, _ = read_text(path, limit=_LARGEST).rpartition("\n")
            lines = whole.splitlines()
            trials = [dict(json.loads(line)) for line in lines]
            for number, trial in enumerate(trials, start=1):
                wrong = next(
                    (key for key, axis in axes.items() if key not in trial or not contains(axis, trial[key])), ""
                )
                wrong = wrong or next((key for key in trial if key not in axes), "")
                if wrong:
                    raise ValueError(f"expected a value of the sweep for {excerpt(wrong)} in line {number}")
            return [Choice(trial) for trial in trials]

    def add_trial(self, choice: Choice) -> None:
        """Record a combination before it is trained, so that a sweep that is killed continues with the same ones."""
        if not (self.path / TRIALS).exists():
            write_text(self.path / TRIALS, "")
        append_line(self.path / TRIALS, json.dumps(choice.values))

    def write_results(self, document: Mapping[str, Any], table: str) -> None:
        """Write the metrics and the table."""
        write_text(self.path / RESULTS, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        write_text(self.path / TABLE, table)


def _remove_partial_in(folder: Path) -> None:
    """Remove incomplete files of a killed process in a folder; a run removes its own when it is resumed."""
    for entry in list(folder.iterdir()) if folder.is_dir() else ():
        if is_partial(entry):
            shutil.rmtree(entry, ignore_errors=True)
