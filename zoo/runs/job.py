"""The main job: a recipe is trained, evaluated and drawn, and all of it is left in a run directory.

Started by a launcher, each of several processes does this: they compute together, and the first one alone writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from zoo.checkpoints.checkpoint import load
from zoo.errors import RunError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split, record
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.report.gallery import draw_figures
from zoo.runs.card import write_card
from zoo.runs.directory import RECIPE, RunDirectory
from zoo.runs.plan import Plan, flat_fields, make_plan
from zoo.runs.run_data import read_splits, write_splits
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe, origin_of, override_texts
from zoo.training.devices import check_trackers, make_accelerator
from zoo.training.interruption import Interruption
from zoo.training.loop import InterruptedTrainingError, NoListener, Trainer
from zoo.training.progress import Reporter, Silent
from zoo.training.snapshot import Position, Snapshot
from zoo.training.step import check_step
from zoo.utils.distributed import ProcessGroup
from zoo.utils.files import remove_partial


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: the run directory.
        recipe: as resolved, with every default.
        model: the best model, in evaluation mode.
        metrics: the record of each epoch.
        evaluation: the figures of ``evaluation.json``.
        figures: the files that were drawn.
        rank: number of this process; the first of several, 0, is the one that wrote all this.
    """

    path: Path
    recipe: Recipe
    model: Model
    metrics: list[dict[str, Any]]
    evaluation: dict[str, Any]
    figures: list[Path]
    rank: int = 0


def train(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    reporter: Reporter | None = None,
) -> Run:
    """Train a recipe, evaluate the best model, draw it, and leave everything in a run directory.

    Args:
        recipe: a bundled name, a path, or a recipe's content.
        out: the run directory; if not given, ``runs/<name of the recipe>``, or that of a recipe.yaml to resume.
        resume: continue the run that is there; begin it if there is none.
        overwrite: replace the run that is there.
        overrides: fields to set, such as ``"train.epochs=3"``.
        reporter: shows progress; nothing is shown if not given.

    Raises:
        RecipeError, ComponentError, DataError: the recipe or what it names is wrong.
        RunError: another run is in the way, or the run that is there belongs to another recipe.
        TrainingError: the loss is no longer finite, or training was interrupted; a later ``resume`` goes on.

    Example:
        >>> import tempfile, zoo
        >>> run = zoo.train("digits", out=tempfile.mkdtemp(), overrides=["train.epochs=1"])
        >>> run.model.sample(2).shape
        torch.Size([2, 1, 8, 8])
    """
    if resume and overwrite:
        raise RunError("a run cannot be both resumed and overwritten", where="train")
    overrides = override_texts(overrides)
    loaded = load_recipe(recipe, overrides)
    directory = RunDirectory(out if out is not None else _usual_place(recipe, loaded.name, resume=resume))
    with origin_of(recipe, overrides).located():
        check_trackers(loaded.train.trackers)
        accelerator = make_accelerator(loaded.train, loaded.train.trackers, str(directory.path / "trackers"))
    try:
        team = ProcessGroup.here(accelerator.device)
        reporter = reporter if reporter is not None and team.is_first else Silent()
        if not resume:
            team.first(lambda: directory.check_free(overwrite=overwrite))
        with origin_of(recipe, overrides).located():
            # Where the data are downloaded, the first process does it, and the others find them.
            plan = team.first(lambda: make_plan(loaded, reporter.note)) or make_plan(loaded, reporter.note)
            check_step(plan.recipe.train, plan.data.train, accelerator.device, team)
        with _opened(directory, plan, team, resume=resume, overwrite=overwrite) as continues:
            if resume and not continues:
                reporter.note(f"There was nothing to resume in {directory.path}: the run begins.")
            return _Job(plan, directory, reporter, accelerator, team).run(continues=continues)
    finally:
        # Not `end_training`: it would also end the group of processes, which trains a next run.
        for tracker in accelerator.trackers:
            tracker.finish()


def _usual_place(recipe: object, name: str, *, resume: bool) -> Path:
    """Return where a run goes unless told: to resume with the recipe that lies in a run's directory, there."""
    if resume and isinstance(recipe, (str, Path)):
        directory = RunDirectory(Path(recipe).parent)
        if Path(recipe).name == RECIPE and directory.was_trained_in():
            return directory.path
    return Path("runs") / name


@contextmanager
def _opened(
    directory: RunDirectory, plan: Plan, team: ProcessGroup, *, resume: bool, overwrite: bool
) -> Iterator[bool]:
    """Keep everybody else out of the run directory and make it ready; give whether the run there goes on."""

    def prepare() -> bool:
        lock.enter_context(directory.locked())
        continues = resume and directory.exists()
        if continues:
            remove_partial(directory.path)
            before = directory.read_recipe()
            plan.check_same(before, str(directory.path), read_splits(directory.path))
            done = len(directory.read_metrics())
            if done > plan.recipe.train.epochs:
                raise RunError(
                    f"{done} epochs are done, {plan.recipe.train.epochs} were asked for",
                    where=str(directory.path),
                    remedy="Ask for at least as many, or begin anew with another --out.",
                )
            if before.evaluate != plan.recipe.evaluate:
                directory.remove_evaluation()
        else:
            directory.check_free(overwrite=overwrite)
            directory.clear()
        directory.write_recipe(plan.recipe)
        write_splits(directory.path, plan.splits)
        return continues

    with ExitStack() as lock:
        continues = team.any(bool(team.first(prepare)))
        if team.any(not directory.exists()):
            raise RunError(
                "not all processes see the run directory",
                where=str(directory.path),
                remedy="Choose an --out on a file system that all machines share.",
            )
        yield continues


@dataclass(frozen=True)
class _Job:
    """A run in its directory, as one process of a team sees it."""

    plan: Plan
    directory: RunDirectory
    reporter: Reporter
    accelerator: Accelerator
    team: ProcessGroup

    def run(self, *, continues: bool) -> Run:
        """Train, conclude, and return the whole."""
        directory, recipe = self.directory, self.plan.recipe
        model = self._train(continues=continues)
        if self.team.any(not directory.is_finished()):
            self._conclude(model)
        figures = sorted(directory.figures.glob("*.png"))
        metrics, evaluation = directory.read_metrics(), directory.read_evaluation() or {}
        return Run(directory.path, recipe, load(directory.path), metrics, evaluation, figures, self.team.rank)

    def _train(self, *, continues: bool) -> Model:
        """Train to the end, from the last state if there is one; return the model as it is then."""
        recipe, directory, reporter = self.plan.recipe, self.directory, self.reporter
        torch.manual_seed(recipe.seed)
        model = assemble(recipe.model)
        if recipe.train.trackers:
            scalars = {key: value for key, value in flat_fields(recipe).items() if isinstance(value, (str, int, float))}
            self.accelerator.init_trackers(recipe.name, config=scalars)
        listener = _Scribe(directory, reporter, self.accelerator) if self.team.is_first else NoListener()
        with Interruption(patient=self.team.count > 1) as interruption:
            trainer = Trainer(
                *(model, self.plan.data, recipe.train, recipe.seed, self.accelerator, listener),
                lambda: interruption.requested,
            )
            snapshot = directory.read_state() if continues else None
            if snapshot is not None:
                trainer.resume(snapshot)
                reporter.note(f"Continuing after step {trainer.position.step} of {trainer.total_steps}.")
            self.team.first(lambda: self._make_way(trainer.position))
            reporter.start(trainer.position, trainer.total_steps, recipe.train.epochs, recipe.train.batch_size)
            try:
                trainer.run()
            except InterruptedTrainingError as error:
                error.where = str(directory.path)
                error.remedy = "The state is saved: give the same command with --resume to continue."
                raise
            finally:
                reporter.stop()
        return model

    def _make_way(self, position: Position) -> None:
        """Remove what a run that goes on will write anew."""
        if not position.finished:
            self.directory.remove_evaluation()
        self.directory.keep_metrics(position.epoch)

    def _conclude(self, model: Model) -> None:
        """Write the last model, evaluate and draw the best one, and describe the run."""
        recipe, directory = self.plan.recipe, self.directory
        self.team.first(lambda: directory.write_last(model))
        best = load(directory.path, device=model.device)
        name, history = final_split(self.plan.data), directory.read_metrics()
        context = evaluation_context(best, self.plan.data, name, history=history, processes=self.team)
        self.reporter.note(f"Evaluating on the {name} split ({len(context.split):,} examples) …")
        measured = record(context, choose_metrics(context, recipe.evaluate.metrics), name, recipe.seed)
        best_epoch = next((record["epoch"] for record in reversed(history) if record["best"]), len(history))

        def describe() -> None:
            paths = draw_figures(context, directory.figures, recipe.evaluate.figures, seed=recipe.seed)
            evaluation = {**measured, "best_epoch": best_epoch, "notes": self.plan.notes}
            write_card(directory.path, recipe, self.plan.data.info, evaluation, paths)
            directory.write_evaluation(evaluation)

        self.team.first(describe)


class _Scribe:
    """Writes down what the trainer tells, and passes it on to whoever shows progress."""

    def __init__(self, directory: RunDirectory, reporter: Reporter, accelerator: Accelerator) -> None:
        self.directory, self.reporter, self.accelerator = directory, reporter, accelerator

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        self.reporter.steps(position, loss)

    def on_epoch(self, record: dict[str, Any], model: Model, *, is_best: bool) -> None:
        if is_best:
            self.directory.write_best(model)
        self.directory.append_metrics(record)
        self.reporter.epoch(record)
        flat = {f"{split}/{name}": v for split in ("train", "validation") for name, v in record.get(split, {}).items()}
        self.accelerator.log(flat, step=record["step"])

    def on_snapshot(self, snapshot: Snapshot) -> None:
        self.directory.write_state(snapshot)
