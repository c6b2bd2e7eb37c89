"""An engine that trains the runs of a sweep on the machines of a Ray cluster."""

from __future__ import annotations

from typing import Any

from zoo.sweeps.libraries import library
from zoo.sweeps.work import Outcome, Request, train_run
from zoo.training.loop import InterruptedTrainingError
from zoo.utils.text import excerpt

_STOP_SECONDS = 60.0
"""Seconds that the runs may take to save their state and end."""
_RETRIES = 2
"""How often Ray restarts a run whose machine or process was lost; the run continues from its last state."""


class RayCluster:
    """Trains runs as tasks of Ray, which chooses a machine with enough free cores and GPUs for each.

    The cluster is that of ``ray.init``: the one that this process is connected to, that of ``RAY_ADDRESS``, one that
    runs on this machine, or else a new one that consists of this machine.

    Args:
        jobs: the number of runs at a time; None: as many as the cluster can run.
        cpus: cores per run.
        gpus: GPUs per run; it may be a fraction.

    Raises:
        InputError: Ray is not installed.
    """

    def __init__(self, jobs: int | None, *, cpus: float, gpus: float) -> None:
        self._ray: Any = library("ray", "--engine ray")
        self._own = not self._ray.is_initialized()
        if self._own:
            self._ray.init(log_to_driver=False, logging_level="ERROR")
        options = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": _RETRIES, "scheduling_strategy": "SPREAD"}
        self._task = self._ray.remote(**options)(_work)
        self.slots = jobs if jobs is not None else self._capacity(cpus, gpus)
        self._running: dict[Any, str] = {}

    def _capacity(self, cpus: float, gpus: float) -> int:
        """Return the number of runs that the cluster can train at a time."""
        resources = self._ray.cluster_resources()
        runs = [resources.get(kind, 0.0) // need for kind, need in (("CPU", cpus), ("GPU", gpus)) if need]
        return max(1, int(min(runs, default=1)))

    def start(self, request: Request) -> None:
        """Submit a run to Ray."""
        self._running[self._task.remote(request)] = request.name

    def finished(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Return the runs whose tasks have ended."""
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [(self._running.pop(task), self._outcome(task)) for task in ready]

    def _outcome(self, task: Any) -> Outcome:
        try:
            outcome: Outcome = self._ray.get(task)
            return outcome
        except self._ray.exceptions.RayError as error:
            return Outcome(f"Ray lost the run: {excerpt(str(error).strip().splitlines()[0], 300)}")

    def stop(self) -> None:
        """Make all tasks save their state and end; disconnect from the cluster, unless it was connected before."""
        for task in self._running:
            self._ray.cancel(task)
        if self._running:
            self._ray.wait(list(self._running), num_returns=len(self._running), timeout=_STOP_SECONDS)
        self._running.clear()
        if self._own:
            self._ray.shutdown()


def _work(request: Request) -> Outcome:
    """Train a run in a process of Ray."""
    try:
        return train_run(request)
    except InterruptedTrainingError as error:
        return Outcome(str(error))
