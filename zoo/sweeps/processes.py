"""Engines that train the runs of a sweep on this machine: one at a time in this process, or several in others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from zoo.sweeps.work import Outcome, Request, train_run
from zoo.training.loop import InterruptedTrainingError
from zoo.training.progress import Reporter

_STOP_SECONDS = 60.0
"""Seconds that a process may take to save its state and end."""
_THREADS = "OMP_NUM_THREADS"


class ThisProcess:
    """Trains one run after the other in this process, where components of a notebook and data in memory are available.

    Args:
        reporter: returns the reporter for a run of this name.
    """

    slots = 1

    def __init__(self, reporter: Callable[[str], Reporter]) -> None:
        self._reporter = reporter
        self._finished: list[tuple[str, Outcome]] = []

    def start(self, request: Request) -> None:
        """Train a run until it ends."""
        self._finished.append((request.name, train_run(request, self._reporter(request.name))))

    def finished(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Return the runs that have ended."""
        found, self._finished = self._finished, []
        return found

    def stop(self) -> None:
        """Do nothing: the run was interrupted together with the sweep."""


class Processes:
    """Trains several runs at a time, each in its own process, so that a crash affects only one run.

    If this process ends for any reason, the others save their state and end.

    Args:
        jobs: the number of runs at a time.
    """

    def __init__(self, jobs: int) -> None:
        self.slots = jobs
        methods = multiprocessing.get_all_start_methods()
        # Processes of a fork server start fast, because it has imported everything, and inherit no threads.
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        # Preloaded, because torch's optimisers import torch._dynamo at their first step, which takes seconds.
        self._context.set_forkserver_preload(["torch._dynamo", "zoo.sweeps.processes"])
        self._running: dict[str, tuple[BaseProcess, Connection]] = {}

    def start(self, request: Request) -> None:
        """Start a process for a run."""
        receiver, sender = self._context.Pipe(duplex=False)
        arguments = (request, sender, _threads_of(self.slots))
        process = self._context.Process(target=_work, args=arguments, name=request.name)
        process.start()
        sender.close()
        self._running[request.name] = process, receiver

    def finished(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Return the runs whose processes have ended."""
        connection.wait([process.sentinel for process, _ in self._running.values()], timeout=seconds)
        ended = [name for name, (process, _) in self._running.items() if process.exitcode is not None]
        return [(name, _outcome(*self._running.pop(name))) for name in ended]

    def stop(self) -> None:
        """Make all processes save their state and end."""
        processes = [process for process, _ in self._running.values()]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_STOP_SECONDS)
            if process.exitcode is None:
                process.kill()
                process.join()
        self._running.clear()


def _outcome(process: BaseProcess, receiver: Connection) -> Outcome:
    """Return the outcome that a process has sent before it ended, or one from its exit status."""
    process.join()
    with receiver, suppress(EOFError, OSError):
        if receiver.poll():
            outcome: Outcome = receiver.recv()
            return outcome
    code = process.exitcode or 0
    if code >= 0:
        return Outcome(f"its process ended early, with exit status {code}")
    name = signal.Signals(-code).name
    why = ", perhaps because the machine ran out of memory" if name == "SIGKILL" else ""
    return Outcome(f"its process was ended by {name}{why}")


def _work(request: Request, sender: Connection, threads: int | None) -> None:
    """Train a run in its own process, and report how it ended."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # so that Ctrl-C on a terminal reaches only the sweep, which then ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        outcome = train_run(request)
    except (InterruptedTrainingError, KeyboardInterrupt) as error:
        outcome = Outcome(str(error) or "interrupted")
    with suppress(OSError):  # the sweep's process has ended
        sender.send(outcome)


def _end_with_parent() -> None:
    """Wait for the end of the sweep's process, then interrupt this one, which saves its state."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _threads_of(jobs: int) -> int | None:
    """Return the number of threads of a run, its share of the cores; None if the environment sets it."""
    if _THREADS in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // jobs)
