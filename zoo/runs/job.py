"""The main job: a recipe is trained, evaluated and drawn, and all of it is left in a run directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo.assembly import assemble
from zoo.checkpoint import load
from zoo.errors import RunError
from zoo.evaluation import choose_metrics, final_split, record, subject_of
from zoo.files import remove_partial
from zoo.gallery import draw_figures
from zoo.model import Model
from zoo.runs.card import write_card
from zoo.runs.directory import RunDirectory
from zoo.runs.plan import Plan, flat_fields, make_plan
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe, origin_of
from zoo.training.devices import make_accelerator
from zoo.training.interruption import Interruption
from zoo.training.loop import InterruptedTrainingError, Trainer
from zoo.training.progress import Reporter, Silent
from zoo.training.snapshot import Position, Snapshot


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
    """

    path: Path
    recipe: Recipe
    model: Model
    metrics: list[dict[str, Any]]
    evaluation: dict[str, Any]
    figures: list[Path]


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
        out: the run directory; ``runs/<name of the recipe>`` if not given.
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
    overrides = tuple(overrides)
    loaded = load_recipe(recipe, overrides)
    directory = RunDirectory(out if out is not None else Path("runs") / loaded.name)
    reporter = reporter or Silent()
    if not resume:
        directory.check_free(overwrite=overwrite)
    with origin_of(recipe, overrides).located():
        plan = make_plan(loaded, note=reporter.note)
    with directory.locked():
        continues = resume and directory.exists()
        if continues:
            remove_partial(directory.path)
            plan.check_same(directory.read_recipe(), str(directory.path))
        else:
            directory.check_free(overwrite=overwrite)
            directory.clear()
        directory.write_recipe(plan.recipe)
        return _run(plan, directory, reporter, continues=continues)


def _run(plan: Plan, directory: RunDirectory, reporter: Reporter, *, continues: bool) -> Run:
    model = _train(plan, directory, reporter, continues=continues)
    if not directory.is_finished():
        _conclude(plan, model, directory, reporter)
    model = load(directory.path)
    figures = sorted(directory.figures.glob("*.png"))
    return Run(directory.path, plan.recipe, model, directory.read_metrics(), directory.read_evaluation() or {}, figures)


def _train(plan: Plan, directory: RunDirectory, reporter: Reporter, *, continues: bool) -> Model:
    """Train to the end, from the last state if there is one; return the model as it is then."""
    recipe = plan.recipe
    torch.manual_seed(recipe.seed)
    model = assemble(recipe.model)
    accelerator = make_accelerator(
        recipe.train, log_with=recipe.train.trackers, project_dir=str(directory.path / "trackers")
    )
    if recipe.train.trackers:
        scalars = {key: value for key, value in flat_fields(recipe).items() if isinstance(value, (str, int, float))}
        accelerator.init_trackers(recipe.name, config=scalars)
    scribe = _Scribe(directory, reporter, accelerator)
    with Interruption() as interruption:
        trainer = Trainer(
            model, plan.data, recipe.train, recipe.seed, accelerator, scribe, lambda: interruption.requested
        )
        snapshot = directory.read_state() if continues else None
        if snapshot is not None:
            trainer.resume(snapshot)
            reporter.note(f"Continuing after step {trainer.position.step} of {trainer.total_steps}.")
        if not trainer.position.finished:
            directory.remove_evaluation()
        directory.keep_metrics(trainer.position.epoch)
        reporter.start(trainer.position, trainer.total_steps, recipe.train.epochs, recipe.train.batch_size)
        try:
            trainer.run()
        except InterruptedTrainingError as error:
            error.where = str(directory.path)
            error.remedy = "The state is saved: give the same command with --resume to continue."
            raise
        finally:
            reporter.stop()
            accelerator.end_training()
    return model


def _conclude(plan: Plan, model: Model, directory: RunDirectory, reporter: Reporter) -> None:
    """Write the last model, evaluate and draw the best one, and describe the run."""
    directory.write_last(model)
    best = load(directory.path, device=model.device)
    recipe = plan.recipe
    name, history = final_split(plan.data), directory.read_metrics()
    subject = subject_of(best, plan.data, name, history=history)
    reporter.note(f"Evaluating on the {name} split ({len(subject.split):,} examples) …")
    measured = record(subject, choose_metrics(subject, recipe.evaluate.metrics), name, recipe.seed)
    paths = draw_figures(subject, directory.figures, recipe.evaluate.figures, seed=recipe.seed)
    evaluation = {
        **measured,
        "best_epoch": next((record["epoch"] for record in reversed(history) if record["best"]), len(history)),
        "notes": plan.notes,
    }
    write_card(directory.path, recipe, plan.data.info, evaluation, paths)
    directory.write_evaluation(evaluation)


class _Scribe:
    """Writes down what the trainer tells, and passes it on to whoever shows progress."""

    def __init__(self, directory: RunDirectory, reporter: Reporter, accelerator: Any) -> None:
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
