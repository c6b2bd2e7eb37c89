"""One run of a sweep, in whichever process or machine it is trained."""

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
from zoo.runs.initial import import_parts
from zoo.spec.recipe import Recipe
from zoo.sweeps.directory import SPEC
from zoo.training.loop import InterruptedTrainingError
from zoo.training.progress import Reporter
from zoo.utils.files import write_text
from zoo.utils.text import excerpt

_PATIENCE = 60.0
"""Seconds that a process of an earlier sweep, which was killed, is given to end."""
_LONGEST = 300


@dataclass(frozen=True)
class Request:
    """A run to be trained.

    Attributes:
        name: of the run, and of its directory.
        recipe: with all that varies set.
        sweep: the directory of the sweep, an absolute path.
        data: in memory, in place of those that the recipe names.
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
    """How a run ended.

    Attributes:
        problem: why it failed; None if it is finished.
    """

    problem: str | None = None


class Engine(Protocol):
    """Trains runs, in this process, in others, or on other machines.

    Attributes:
        slots: how many runs may be handed over at a time.
    """

    slots: int

    def start(self, request: Request) -> None:
        """Begin a run."""

    def finished(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Return the runs that have ended, by name; wait so long for one that does."""

    def stop(self) -> None:
        """Let the runs that are going save their state, and end them."""


def carry_out(request: Request, reporter: Reporter | None = None) -> Outcome:
    """Train a run to its end, from where an earlier attempt left it; say what went wrong instead of raising it.

    Raises:
        InterruptedTrainingError, KeyboardInterrupt: training was interrupted, not by a fault of the run.
    """
    try:
        _check_folder(request)
        _wait_until_free(request.path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZooWarning)  # shown when the sweep was checked
            warnings.simplefilter("error", UnusableModelWarning)
            import_parts(request.recipe, ())
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
        return Outcome(f"{problem}\n{_written(request, traceback.format_exc())}")
    return Outcome()


def _written(request: Request, text: str) -> str:
    """Write down how a run failed that should not have, and say where."""
    file = request.sweep / "failures" / f"{request.name}.txt"
    with contextlib.suppress(OSError, ZooError):
        write_text(file, text)
    return f"See {file}."


def _check_folder(request: Request) -> None:
    """Refuse to train in a folder that is not that of the sweep.

    Raises:
        RunError: the sweep's own file is not there.
    """
    if not (request.sweep / SPEC).is_file():
        raise RunError(
            "the sweep's directory is not there on the machine that trains",
            where=str(request.sweep),
            remedy="Choose an --out on a file system that all machines share.",
        )


def _wait_until_free(path: Path) -> None:
    """Wait for a process that still trains there, since the sweep that it belonged to was killed a moment ago."""
    directory, end = RunDirectory(path), time.monotonic() + _PATIENCE
    while directory.was_trained_in():
        try:
            with directory.locked():
                return
        except RunError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)
