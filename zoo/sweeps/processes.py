"""Runs of a sweep on this machine: one after the other in this process, or several at a time in others."""

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

from zoo.sweeps.work import Outcome, Request, carry_out
from zoo.training.loop import InterruptedTrainingError
from zoo.training.progress import Reporter

_PATIENCE = 60.0
"""Seconds that a process has to save its state and end."""
_THREADS = "OMP_NUM_THREADS"


class ThisProcess:
    """Trains one run after the other here, where components of a notebook and data in memory are at hand.

    Args:
        reporter: returns what shows the progress of a run.
    """

    slots = 1

    def __init__(self, reporter: Callable[[str], Reporter]) -> None:
        self._reporter = reporter
        self._finished: list[tuple[str, Outcome]] = []

    def start(self, request: Request) -> None:
        """Train a run to its end."""
        self._finished.append((request.name, carry_out(request, self._reporter(request.name))))

    def finished(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Return the runs that have ended."""
        found, self._finished = self._finished, []
        return found

    def stop(self) -> None:
        """Do nothing: the run was interrupted together with the sweep."""


class Processes:
    """Trains several runs at a time, each in its own process, so that a crash ends only one run.

    If this process ends, however that happens, the others save their state and end.

    Args:
        jobs: runs at a time.
    """

    def __init__(self, jobs: int) -> None:
        self.slots = jobs
        methods = multiprocessing.get_all_start_methods()
        # A forked process of a server that has everything imported starts at once, and inherits no threads.
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        # The optimisers of torch import torch._dynamo at their first step, which takes seconds.
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
        """Ask all processes to save their state, and wait for them."""
        processes = [process for process, _ in self._running.values()]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_PATIENCE)
            if process.exitcode is None:
                process.kill()
                process.join()
        self._running.clear()


def _outcome(process: BaseProcess, receiver: Connection) -> Outcome:
    """Return what a process that has ended said of its run, or how it ended without a word."""
    process.join()
    with receiver, suppress(EOFError, OSError):
        if receiver.poll():
            said: Outcome = receiver.recv()
            return said
    code = process.exitcode or 0
    if code >= 0:
        return Outcome(f"its process ended early, with exit status {code}")
    name = signal.Signals(-code).name
    why = ", perhaps because the machine ran out of memory" if name == "SIGKILL" else ""
    return Outcome(f"its process was ended by {name}{why}")


def _work(request: Request, sender: Connection, threads: int | None) -> None:
    """Train a run in its own process, and report how it ended."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # a terminal's Ctrl-C is for the sweep, which then ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        outcome = carry_out(request)
    except (InterruptedTrainingError, KeyboardInterrupt) as error:
        outcome = Outcome(str(error) or "interrupted")
    with suppress(OSError):  # nobody is there to read it
        sender.send(outcome)


def _end_with_parent() -> None:
    """Wait for the end of the sweep's process, then end this one as Ctrl-C would: its state is saved first."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _threads_of(jobs: int) -> int | None:
    """Return the share of this machine's cores that a run has; None where the environment decides."""
    if _THREADS in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // jobs)
