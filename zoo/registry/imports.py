"""Imports modules of other packages, so that a module that fails, exits or hangs affects nothing else."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import io
import math
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from zoo.errors import InputError, ZooWarning
from zoo.registry.streams import captured_output
from zoo.utils.foreign import reason
from zoo.utils.text import excerpt

_SECONDS = "ZOO_IMPORT_SECONDS"
"""The environment variable with the time limit in seconds for importing a plug-in."""
_DEFAULT_SECONDS = 30.0
_REPEAT_SECONDS = 1.0
"""Seconds after which a module that caught the interruption is interrupted again."""


class PluginError(Exception):
    """A module cannot be imported; the message gives the reason."""


class _TooLongError(BaseException):
    """Raised during an import that takes too long; an ``except Exception`` in the module does not catch it."""


_foreign: set[str] = set()
"""Top-level names of the scripts and plug-ins that were imported for their components."""


def is_foreign(module: str) -> bool:
    """Return whether a module belongs to a script of the user or to a plug-in that was imported.

    Example:
        >>> is_foreign("zoo.model")
        False
    """
    return module.partition(".")[0] in _foreign


def import_plugin(module: str) -> None:
    """Import a module of another package; if it prints or starts threads, a warning says so.

    Raises:
        PluginError: the module raises an exception, exits, or takes longer than the time limit.
        KeyboardInterrupt: the user interrupts the import.
    """
    _foreign.add(module.partition(".")[0])
    seconds, before = _allowed_seconds(), set(threading.enumerate())
    try:
        with _warnings_afterwards(), captured_output() as printed, _without_input(), _time_limit(seconds):
            importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise PluginError(f"it exits with status {excerpt(error.code)}") from error
    except _TooLongError as error:
        raise PluginError(f"it takes more than {seconds:g} seconds; set {_SECONDS} to change the limit") from error
    except BaseException as error:
        raise PluginError(f"{type(error).__name__}: {reason(error)}") from error
    if printed.text:
        warnings.warn(f"{module} prints when it is imported: {excerpt(printed.text)}", ZooWarning, stacklevel=3)
    started = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    if started:
        _started_threads.extend(started)
        warnings.warn(
            f"{module} starts the thread {excerpt(started[0].name)} when it is imported; Python does not exit before "
            "it ends",
            ZooWarning,
            stacklevel=3,
        )


_started_threads: list[threading.Thread] = []


def has_running_threads() -> bool:
    """Return whether a thread that a plug-in has started still runs, so that Python would not exit."""
    return any(thread.is_alive() for thread in _started_threads)


@contextlib.contextmanager
def _warnings_afterwards() -> Iterator[None]:
    """Delay the warnings of the block until it has ended, so that they do not count as output of the module."""
    found: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as found:
            yield
    finally:
        for each in found:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno, source=each.source)


def import_script(name: str) -> None:
    """Import a Python file or a module with components of the user.

    Only an explicit request of the user may lead to this function: checkpoints and repositories cannot cause imports.

    Args:
        name: the path of a file, or the name of a module.

    Raises:
        InputError: there is no such file or module, or importing it fails.

    Example:
        >>> import_script("colorsys")
    """
    remedy = "Name a Python file such as ./my_parts.py, or a module that Python can import."
    path = Path(name).expanduser()
    is_file = path.suffix == ".py" or path.is_file()
    if is_file and not path.is_file():
        raise InputError("there is no such file", where=name, remedy=remedy)
    module = _module_of_file(path) if is_file else name
    if module is None:
        return
    try:
        import_plugin(module)
    except PluginError as error:
        missing = isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name == module
        problem = "there is no such module" if missing else f"it cannot be imported: {error}"
        raise InputError(problem, where=name, remedy=remedy if missing else None) from error


def _module_of_file(path: Path) -> str | None:
    """Make a file importable under a name that no other module has; return the name, or None if it is imported."""
    whole = path.resolve()
    status = whole.stat()
    if any(_comes_from(whole, status, module) for module in list(sys.modules.values())):
        return None
    stem = whole.stem if whole.stem.isidentifier() else "script"
    found = None if stem in sys.modules else importlib.util.find_spec(stem)
    taken = stem in sys.modules or (found is not None and Path(found.origin or "").resolve() != whole)
    name = f"zoo_script_{stem}" if taken else stem
    _scripts[name] = str(whole)
    if not any(isinstance(finder, _ScriptFinder) for finder in sys.meta_path):
        sys.meta_path.append(_ScriptFinder())
    return name


def _comes_from(whole: Path, status: os.stat_result, module: ModuleType) -> bool:
    """Return whether a module was imported from the file with this resolved path and status."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    try:
        # The status rules out nearly all modules; resolving all of their paths takes a hundred times as long. It is not
        # sufficient, because some network file systems give all files the same number.
        return os.path.samestat(Path(file).stat(), status) and Path(file).resolve() == whole
    except (OSError, ValueError):
        return False


_scripts: dict[str, str] = {}
"""The files of scripts by the module name under which they are imported."""


class _ScriptFinder(importlib.abc.MetaPathFinder):
    """Lets Python find the scripts that the user named."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        file = _scripts.get(fullname)
        return None if file is None else importlib.util.spec_from_file_location(fullname, file)


def entry_points(group: str) -> Iterable[importlib.metadata.EntryPoint]:
    """Return the entry points of a group; distributions with damaged metadata are left out, with a warning."""
    return _all_entry_points().select(group=group)


@functools.cache
def _all_entry_points() -> Any:
    """Return the entry points of all groups: reading one group reads the metadata of all distributions anyway."""
    try:
        return importlib.metadata.entry_points()
    except Exception:  # a distribution is damaged, but the exception does not say which
        found: list[importlib.metadata.EntryPoint] = []
        for distribution in importlib.metadata.distributions():
            try:
                found += distribution.entry_points
            except Exception as error:
                name = getattr(distribution, "_path", None) or distribution.metadata["Name"]
                warnings.warn(
                    f"left out: {name}, whose metadata are damaged ({reason(error)})", ZooWarning, stacklevel=4
                )
        return importlib.metadata.EntryPoints(found)


def _allowed_seconds() -> float:
    try:
        seconds = float(os.environ.get(_SECONDS, _DEFAULT_SECONDS))
    except ValueError:
        return _DEFAULT_SECONDS
    return _DEFAULT_SECONDS if math.isnan(seconds) else min(max(0.0, seconds), threading.TIMEOUT_MAX)


@contextlib.contextmanager
def _without_input() -> Iterator[None]:
    """Make standard input empty in this block, so that a module that asks a question does not wait for an answer."""
    before = sys.stdin
    sys.stdin = io.StringIO()
    try:
        yield
    finally:
        sys.stdin = before


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after some seconds, if this thread can be interrupted by a timer of the system."""
    can_interrupt = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not can_interrupt or not seconds or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)  # repeated, as a module may catch any exception
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
