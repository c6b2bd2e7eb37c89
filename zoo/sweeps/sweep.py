"""Training many runs of a recipe, and comparing them in a table and a figure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from zoo.data.in_memory import as_memory
from zoo.errors import InputError, TrainingError
from zoo.hub.locate import locate
from zoo.report.gallery import save_figure
from zoo.spec.documents import parse_yaml
from zoo.spec.overrides import override_texts
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import recipe_document
from zoo.sweeps.axes import Axes, Choice, choices_of, parse_grid
from zoo.sweeps.check import Recipes, check_values
from zoo.sweeps.directory import FIGURE, SweepDirectory
from zoo.sweeps.figure import plot_sweep
from zoo.sweeps.processes import Processes, ThisProcess
from zoo.sweeps.progress import RunReporter, SweepProgress
from zoo.sweeps.ray_cluster import RayCluster
from zoo.sweeps.results import Sweep, SweepRun, read_run
from zoo.sweeps.search import OptunaSearch
from zoo.sweeps.spec import SearchSpec, SweepSpec, seeds_of
from zoo.sweeps.work import Engine, Request
from zoo.training.loop import InterruptedTrainingError
from zoo.utils.arguments import Count, checked

RESUME = "Finished runs are kept: repeat the command with --resume to continue."
_POLL_SECONDS = 1.0
"""Seconds between two checks of the running runs."""


@checked
def sweep(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    grid: Mapping[str, Any] | Iterable[str] = (),
    *,
    seeds: Count | Sequence[int] = 1,
    search: Literal["grid", "optuna"] = "grid",
    trials: Count | None = None,
    metric: str | None = None,
    data: Any = None,
    out: str | Path | None = None,
    resume: bool = False,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    engine: Literal["processes", "ray"] = "processes",
    jobs: Count | None = None,
    cpus: float = 1,
    gpus: float = 0,
    quiet: bool = False,
) -> Sweep:
    """Train a recipe with each combination of values and each seed, and compare the runs.

    Choose it to compare settings with error bars, or with ``search="optuna"`` to find good ones. Each run has its own
    directory in ``out``, like one of :func:`zoo.train`. A run that fails does not stop the others.

    Args:
        recipe: a bundled name, a path, or a recipe's content.
        grid: the varied fields with their values, such as ``{"model.objective.beta": [0.5, 1, 2]}``; with a search
            also ranges, ``{"train.optimizer.lr": "log(1e-4,1e-2)"}``: ``uniform``, ``log``, ``integer`` or
            ``log_integer``. Or the texts of the command line, ``["model.objective.beta=0.5,1,2"]``.
        seeds: the number of seeds, starting with that of the recipe, or a list of seeds.
        search: ``"grid"`` trains all combinations, ``"optuna"`` those that optuna proposes.
        trials: the number of combinations that a search tries.
        metric: the metric to rank by: a result of the evaluation on test data, such as ``"elbo"``; or
            ``"validation.TERM"``, a term of the loss on validation data after the best epoch. By default the bound on
            log p(x), or, if the objective has none, the monitored term, on validation data. Without validation data,
            terms are those on training data.
        data: data in memory, as for :func:`zoo.train`.
        out: the directory of the sweep; by default ``sweeps/<name of the recipe>``.
        resume: continue the sweep in the directory, also with more values, seeds or trials; start a new one if there
            is none. Finished runs are not repeated.
        overrides: fields to set in all runs.
        engine: ``"processes"`` on this machine, or ``"ray"`` on the machines of a Ray cluster, which share ``out``.
        jobs: the number of runs at a time; by default one, or with Ray as many as the cluster can run. A single run at
            a time is trained in this process; for several, a script needs ``if __name__ == "__main__":``.
        cpus: cores per run, with Ray.
        gpus: GPUs per run, with Ray.
        quiet: show no progress.

    Raises:
        RecipeError, ComponentError, DataError: a value is wrong; nothing was trained.
        InputError: an option is wrong, or a package is not installed.
        RunError: the directory contains another sweep.
        TrainingError: the sweep was interrupted; finished runs are kept.

    Example:
        >>> import tempfile, zoo
        >>> small = ["train.epochs=1", "data.subset=100", "evaluate={metrics: [mse], figures: []}"]
        >>> found = zoo.sweep(
        ...     "digits", {"model.objective.beta": [0.5, 4]}, overrides=small, out=tempfile.mkdtemp(), quiet=True
        ... )
        >>> found.table.columns
        ('beta=0.5', 'beta=4')
    """
    axes, texts = parse_grid(grid), override_texts(overrides)
    _check_options(search, trials, axes)
    document = recipe_document(recipe)
    if data is not None:
        document["data"] = as_memory(document.get("data"))
    directory = SweepDirectory(Path(out) if out is not None else Path("sweeps") / str(document.get("name", "sweep")))
    directory.check_free(resume=resume)
    progress = SweepProgress(directory, quiet=quiet)
    recipes = Recipes(recipe, texts, list(axes), data, locate)
    chosen = check_values(recipes, axes, metric, progress.note)
    spec = SweepSpec(
        recipe=document,
        overrides=texts,
        grid=axes,
        seeds=seeds_of(seeds, _first_seed(document, texts)),
        search=SearchSpec(name=search, trials=trials),
        metric=chosen,
    )
    if resume and not directory.exists():
        progress.note(f"There is no sweep to resume in {directory.path}: a new one starts.")
    with directory.opened(spec, resume=resume) as spec:
        with _engine(engine, jobs, cpus, gpus, progress) as trainer:
            results = _Runner(spec, directory, recipes, data, trainer, progress).run()
        directory.write_results(results.to_dict(), results.to_csv())
        figure = plot_sweep(results)
        if figure is not None:
            save_figure(figure, directory.path / FIGURE)
        return results


def _check_options(search: str, trials: int | None, axes: Axes) -> None:
    if search == "grid":
        choices_of(axes)
        if trials is not None:
            raise InputError(
                "`trials` has no effect on a grid", where="trials", remedy="Add --search optuna, or leave it out."
            )
    elif trials is None:
        raise InputError("expected the number of trials", where="trials", remedy="For example: --trials 20")
    elif not axes:
        raise InputError(
            "expected at least one field to search",
            where="grid",
            remedy="For example: --grid train.optimizer.lr='log(1e-4,1e-2)'",
        )


def _first_seed(document: Mapping[str, Any], overrides: Sequence[str]) -> int:
    """Return the seed of the recipe, the first one of the sweep."""
    seed = document.get("seed", 0)
    for override in overrides:
        key, _, text = override.partition("=")
        if key.strip() == "seed":
            seed = parse_yaml(text, "--set seed")
    return int(seed)


@contextmanager
def _engine(name: str, jobs: int | None, cpus: float, gpus: float, progress: SweepProgress) -> Iterator[Engine]:
    """Yield the engine that trains the runs, and stop it at the end of the block."""
    engine: Engine
    if name == "ray":
        engine = RayCluster(jobs, cpus=cpus, gpus=gpus)
    elif jobs in (None, 1):
        engine = ThisProcess(lambda run: RunReporter(progress, run))
    else:
        engine = Processes(jobs)
    try:
        yield engine
    finally:
        progress.stop()
        engine.stop()


class _Runner:
    """Trains the combinations of a sweep, each with every seed."""

    def __init__(
        self,
        spec: SweepSpec,
        directory: SweepDirectory,
        recipes: Recipes,
        data: Any,
        engine: Engine,
        progress: SweepProgress,
    ) -> None:
        self.spec, self.directory, self.recipes, self.data = spec, directory, recipes, data
        self.engine, self.progress = engine, progress
        self.runs: dict[str, SweepRun] = {}

    def run(self) -> Sweep:
        """Train all runs that are not finished.

        Raises:
            TrainingError: the sweep was interrupted.
        """
        try:
            if self.spec.search.name == "grid":
                self._train(choices_of(self.spec.grid))
            else:
                self._search(self.spec.search.trials or 0)
        except (InterruptedTrainingError, KeyboardInterrupt) as error:
            done = sum(run.state == "done" for run in self.runs.values())
            raise TrainingError(
                f"the sweep was interrupted, with {done} of {len(self.runs)} runs done",
                where=str(self.directory.path),
                remedy=RESUME,
            ) from error
        return self._result()

    def _result(self) -> Sweep:
        return Sweep(self.directory.path, self.spec, list(self.runs.values()))

    def _search(self, count: int) -> None:
        """Train the combinations that were proposed earlier, then rounds of new ones.

        Proposals depend only on the results of earlier rounds. With the same number of jobs, a sweep therefore proposes
        the same combinations, however fast its runs are.
        """
        search = OptunaSearch(self.spec.grid, self.spec.metric.better, self.spec.search.seed)
        trials = self.directory.read_trials(self.spec.grid)[:count]
        at_a_time = max(1, math.ceil(self.engine.slots / len(self.spec.seeds)))
        if trials:
            self._train(trials, f"Trials 1 to {len(trials)} of {count}: ")
        while len(trials) < count:
            ended = self._result()
            known = [(choice, self._score(ended, choice)) for choice in trials]
            proposed = search.propose(known, min(at_a_time, count - len(trials)))
            for choice in proposed:
                self.directory.add_trial(choice)
            first, last = len(trials) + 1, len(trials) + len(proposed)
            self._train(
                proposed, f"Trial {first} of {count}: " if first == last else f"Trials {first} to {last} of {count}: "
            )
            trials += proposed

    def _score(self, ended: Sweep, choice: Choice) -> float | None:
        column = ended.table.columns.index(self.spec.label(choice))
        row = next((row for row in ended.table.rows if row.key == self.spec.metric.name), None)
        entry = row.entries[column] if row is not None else None
        failed = any(run.state != "done" for run in ended.groups[self.spec.label(choice)])
        return None if entry is None or failed else entry.value

    def _train(self, choices: Sequence[Choice], heading: str = "") -> None:
        """Train combinations with every seed, except finished runs; all combinations of a seed before the next seed."""
        waiting: deque[SweepRun] = deque()
        for seed in self.spec.seeds:
            for choice in choices:
                name = self.spec.run_name(choice, seed)
                if name not in self.runs:
                    self.runs[name] = run = SweepRun(name, choice, seed, self.directory.run(name).path)
                    if not read_run(self.directory, self.spec, run):
                        waiting.append(run)
        self.progress.plan(len(self.runs), len(self.runs) - len(waiting))
        done = len(choices) * len(self.spec.seeds) - len(waiting)
        number = f"{len(waiting)} run{'s' if len(waiting) != 1 else ''} to train"
        self.progress.note(f"{heading}{number}" + (f", {done} done already" if done else ""))
        running: dict[str, SweepRun] = {}
        while waiting or running:
            while waiting and len(running) < self.engine.slots:
                run = waiting.popleft()
                running[run.name] = run
                self._start(run)
            for name, outcome in self.engine.finished(_POLL_SECONDS):
                self._end(running.pop(name), outcome.problem)
            self.progress.refresh()

    def _start(self, run: SweepRun) -> None:
        recipe = self.recipes.make(run.choice, run.seed)
        self.progress.begin(run, recipe.train.epochs)
        self.engine.start(Request(run.name, recipe, self.directory.path.resolve(), self.data))

    def _end(self, run: SweepRun, problem: str | None) -> None:
        if problem is None and not read_run(self.directory, self.spec, run):
            problem = f"its process ended without an evaluation in {run.path}"
        if problem is not None:
            run.state, run.problem = "failed", problem
        self.progress.end(run, self.spec.metric)
