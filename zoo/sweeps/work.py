"""The training of one run of a sweep, in this process, in another one or on another machine."""

from __future__ import annotations

import contextlib
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo.errors import RunError, UnusableModelWarning, ZooError, ZooWarning, cut
from zoo.hub.train import train
from zoo.runs.directory import RunDirectory
from zoo.runs.initial import import_components
from zoo.spec.recipe import Recipe
from zoo.sweeps.directory import SPEC
from zoo.training.loop import InterruptedTrainingError
from zoo.training.progress import Reporter
from zoo.utils.files import write_text
from zoo.utils.text import excerpt

_WAIT_SECONDS = 60.0
"""Seconds to wait for a process of an earlier sweep that was killed."""
_LONGEST = 300


@dataclass(frozen=True)
class Request:
    """A run to be trained.

    Attributes:
        name: the name of the run and of its directory.
        recipe: the recipe of the run.
        sweep: the directory of the sweep, an absolute path.
        data: data in memory, in place of those that the recipe names.
    """

    name: str
    recipe: Recipe
    sweep: Path
    data: Any = None

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.sweep / "runs" / self.name


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        problem: why it failed; None if it is finished.
    """

    problem: str | None = None


class Engine(Protocol):
    """Trains runs, in this process, in others, or on other machines.

    Attributes:
        slots: the largest number of runs at a time.
    """

    slots: int

    def start(self, request: Request) -> None:
        """Start a run."""

    def finished(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Return the runs that have ended, by name; wait at most ``seconds`` for the first one."""

    def stop(self) -> None:
        """Make all running runs save their state and end."""


def train_run(request: Request, reporter: Reporter | None = None) -> Outcome:
    """Train a run, or continue an earlier attempt; return its outcome, which contains any error of the run.

    Raises:
        InterruptedTrainingError, KeyboardInterrupt: training was interrupted from outside.
    """
    try:
        _check_folder(request)
        _wait_until_free(request.path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZooWarning)  # already shown by the checks of the sweep
            warnings.simplefilter("error", UnusableModelWarning)
            import_components(request.recipe, ())
            train(
                request.recipe,
                data=request.data,
                out=request.path,
                resume=RunDirectory(request.path).exists(),
                reporter=reporter,
                quiet=reporter is None,
            )
    except InterruptedTrainingError:
        raise
    except (ZooError, ZooWarning) as error:
        return Outcome(str(error))
    except SystemExit as error:
        return Outcome(f"a component ended the program, with status {excerpt(error.code)}")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return Outcome(f"{place}{error.strerror or error}")
    except Exception as error:
        lines = str(error).strip().splitlines()
        problem = cut(f"{type(error).__name__}{f': {lines[0]}' if lines else ''}", _LONGEST)
        return Outcome(f"{problem}\n{_save_traceback(request, traceback.format_exc())}")
    return Outcome()


def _save_traceback(request: Request, text: str) -> str:
    """Write the traceback of an unexpected error to a file, and return a sentence that names the file."""
    file = request.sweep / "failures" / f"{request.name}.txt"
    with contextlib.suppress(OSError, ZooError):
        write_text(file, text)
    return f"See {file}."


def _check_folder(request: Request) -> None:
    """Check that the directory of the sweep is visible where the run is trained.

    Raises:
        RunError: the sweep's file is missing.
    """
    if not (request.sweep / SPEC).is_file():
        raise RunError(
            "the sweep's directory does not exist on the machine that trains the run",
            where=str(request.sweep),
            remedy="Choose an --out on a file system that all machines share.",
        )


def _wait_until_free(path: Path) -> None:
    """Wait for a process that still trains in the directory because its sweep was killed a moment ago."""
    directory, end = RunDirectory(path), time.monotonic() + _WAIT_SECONDS
    while directory.is_started():
        try:
            with directory.locked():
                return
        except RunError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)
