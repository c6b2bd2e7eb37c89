"""Training a recipe: train the model, evaluate it, draw figures, and write everything into a run directory.

Started by a launcher, each of several processes does this: they compute together, and the first one alone writes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker

from zoo.callbacks import Callback
from zoo.data.in_memory import as_memory
from zoo.errors import RunError
from zoo.evaluation.divergence import divergence_note
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split, record
from zoo.model import Model
from zoo.report.gallery import draw_figures
from zoo.report.inline import run_card
from zoo.runs.card import write_card
from zoo.runs.changes import check_changes, notes_on_changes
from zoo.runs.directory import RECIPE, RunDirectory
from zoo.runs.fit_prior import fit_stage, note_on_fit, with_fitted_prior
from zoo.runs.initial import Locate, directory_of_model, import_parts, spec_of_model
from zoo.runs.opening import opened
from zoo.runs.plan import Plan, flat_fields, make_plan, with_length_of
from zoo.runs.recorder import RunRecorder
from zoo.runs.stage import run_stage
from zoo.runs.trackers import Trackers
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe, origin_of, override_texts
from zoo.training.devices import check_trackers, make_accelerator
from zoo.training.loop import Trainer
from zoo.training.prior_fit import fit_spec
from zoo.training.progress import Reporter, choose_reporter, occasionally
from zoo.training.resolve import make_callbacks
from zoo.training.state import Position
from zoo.utils.arguments import checked
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import process_seed
from zoo.utils.text import portable_name


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: the run directory.
        recipe: as resolved, with every default.
        model: the best model, in evaluation mode, on the CPU.
        metrics: the record of each epoch.
        evaluation: the content of ``evaluation.json``.
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

    def __repr__(self) -> str:
        """Return one line: the directory, the number of epochs and the first metrics."""
        metrics = ", ".join(f"{key} {value:.4g}" for key, value in self._numbers()[:3])
        epochs = f"{len(self.metrics)} epoch{'s' if len(self.metrics) != 1 else ''}"
        return f"Run({str(self.path)!r}: {epochs}{', ' if metrics else ''}{metrics})"

    def _repr_html_(self) -> str:
        """Return a card with the metrics and figures, which notebooks show."""
        return run_card(self.path, self.recipe, self.model, self.metrics, self.evaluation, self.figures)

    def _numbers(self) -> list[tuple[str, float]]:
        metrics = self.evaluation.get("metrics", {})
        return [(key, value) for key, value in metrics.items() if isinstance(value, (int, float))]


@checked
def train(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    data: Any = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    changes: Iterable[str] | Mapping[str, Any] = (),
    callbacks: Mapping[str, Callback] | None = None,
    trackers: Sequence[GeneralTracker] = (),
    reporter: Reporter | None = None,
    quiet: bool = False,
    locate: Locate = directory_of_model,
) -> Run:
    """Train a recipe, evaluate the best model, draw it, and leave everything in a run directory.

    Args:
        recipe: a bundled name, a path, or a recipe's content.
        data: data in memory, in place of those that the recipe names: in any form of :func:`zoo.load_data`, such as an
            array, or a pair of an array and its labels. What the recipe says of any data (`binarise`, `resize`,
            `validation` and the like) is done to them. The run records what they were, and is resumed with the same.
        out: the run directory; if not given, ``runs/<name of the recipe>``, or that of a recipe.yaml to resume.
        resume: continue the run that is there; begin it if there is none.
        overwrite: replace the run that is there.
        overrides: fields to set, such as ``["train.epochs=3"]``, or a mapping such as ``{"train.epochs": 3}``.
        changes: fields of the optimiser or the schedule that a resumed run continues with, such as
            ``{"train.optimizer.lr": 1e-4}``; they are recorded in the run.
        callbacks: objects that watch training, by a key of your choice, beside those of the recipe. They are not in
            recipe.yaml: give them again to resume.
        trackers: experiment trackers of your own, beside those that the recipe names.
        reporter: shows progress in a way of your own; if not given, lines or a bar on standard error.
        quiet: show no progress.
        locate: returns the directory of the model that the recipe's ``init`` names; ``zoo.train`` knows the Hub and
            pretrained names.

    Raises:
        RecipeError, ComponentError, DataError: the recipe or what it names is wrong.
        InputError: an object is not a callback or a tracker.
        RunError: another run is in the way, or the run that is there belongs to another recipe.
        TrainingError: the loss is no longer finite, a callback failed, or training was interrupted; a later ``resume``
            continues from the last saved state.

    Example:
        >>> import tempfile, zoo
        >>> run = zoo.train("digits", out=tempfile.mkdtemp(), overrides=["train.epochs=1", "evaluate.figures=[]"])
        >>> run.model.sample(2).shape
        torch.Size([2, 1, 8, 8])
    """
    if resume and overwrite:
        raise RunError("a run cannot be both resumed and overwritten", where="train")
    changes = override_texts(changes)
    check_changes(changes, resume=resume)
    overrides = (*override_texts(overrides), *changes)
    import_parts(recipe, overrides)
    in_memory = None if data is None else as_memory
    loaded = load_recipe(recipe, overrides, data=in_memory, spec_of=lambda name: spec_of_model(name, locate))
    directory = RunDirectory(out if out is not None else _default_directory(recipe, loaded.name, resume=resume))
    if resume and directory.exists():
        loaded = with_length_of(loaded, directory.read_recipe())
    with origin_of(recipe, overrides).located():
        check_trackers(loaded.train.trackers, trackers)
        chosen = (*loaded.train.trackers, *trackers)
        accelerator = make_accelerator(loaded.train, chosen, str(directory.path / "trackers"))
    group = ProcessGroup.here(accelerator.device)
    reporter = choose_reporter(reporter, quiet=quiet or not group.is_first)
    if not resume:
        group.first(lambda: directory.check_free(overwrite=overwrite))
    with origin_of(recipe, overrides).located():
        # Where the data are downloaded, the first process does it, and the others find them.
        planned = functools.partial(make_plan, loaded, reporter.note, data, locate)
        plan = group.first(planned) or planned()
        job = _Job(plan, directory, reporter, accelerator, group, callbacks or {})
    opening = opened(directory, plan, group, reporter, resume=resume, overwrite=overwrite, changes=changes)
    with opening as continues:
        return job.run(continues=continues)


def _default_directory(recipe: object, name: str, *, resume: bool) -> Path:
    """Return where a run goes by default: to resume with the recipe in a run's directory, that directory."""
    if resume and isinstance(recipe, (str, Path)):
        directory = RunDirectory(Path(recipe).parent)
        if Path(recipe).name == RECIPE and directory.was_trained_in():
            return directory.path
    return Path("runs") / portable_name(name)


class _Job:
    """A run in its directory, as one process of the group sees it.

    The model is assembled once, in the plan: it is trained, given its best weights back, evaluated, and returned.
    """

    def __init__(
        self,
        plan: Plan,
        directory: RunDirectory,
        reporter: Reporter,
        accelerator: Accelerator,
        group: ProcessGroup,
        callbacks: Mapping[str, Callback],
    ) -> None:
        self.plan, self.recipe, self.directory = plan, plan.recipe, directory
        self.reporter, self.accelerator, self.group = reporter, accelerator, group
        self.trackers = Trackers(accelerator, reporter.note)
        self.model, spec = plan.model, self.recipe.train
        recorder = RunRecorder(
            *(directory.training, directory.figures, reporter, self.trackers),
            save_best=lambda: directory.write_best(self.model),
            save_epoch=lambda epoch: directory.write_kept(self.model, epoch) if spec.keeps(epoch) else None,
        )
        self.trainer = Trainer(
            *(self.model, plan.data, spec, self.recipe.seed, accelerator, recorder),
            make_callbacks(spec, callbacks),
        )

    def run(self, *, continues: bool) -> Run:
        """Train, fit the prior that the recipe asks for, evaluate, and return the whole."""
        directory = self.directory
        self._begin_noise()
        if self.group.is_first:
            self.trackers.start(self.recipe.name, flat_fields(self.recipe))
        try:
            run_stage(self.trainer, directory.training, self.reporter, continues=continues, prepare=self._prepare)
            finished = not self.group.any(not directory.is_finished())
            if not finished:
                self.group.first(lambda: directory.write_last(self.model))
            directory.read_best(self.model)
            model = self._fit_prior(self.model.eval(), continues=continues)
            if not finished:
                self._evaluate(model)
        finally:
            if self.group.is_first:
                self.trackers.finish()
        figures = sorted(directory.figures.glob("*.png"))
        metrics, evaluation = directory.training.read_metrics(), directory.read_evaluation() or {}
        return Run(directory.path, self.recipe, model.cpu(), metrics, evaluation, figures, self.group.rank)

    def _begin_noise(self) -> None:
        """Continue the random state of the initial weights; each further process has its own."""
        torch.manual_seed(process_seed(self.recipe.seed, self.group.rank))
        if self.group.count == 1:
            torch.set_rng_state(self.plan.noise)

    def _prepare(self, position: Position) -> None:
        """Remove what a run that continues will write again."""
        if not position.finished:
            self.directory.remove_evaluation()
            self.directory.fit.clear()

    def _fit_prior(self, model: Model, *, continues: bool) -> Model:
        """Return the model with the prior that the recipe fits after training, and write it as the best one."""
        prior, directory = self.recipe.model.fitted_prior, self.directory
        if prior is None:
            return model
        whole = with_fitted_prior(model, prior, self.recipe.seed, train_examples=len(self.plan.data.train))
        if directory.is_finished():
            directory.read_best(whole)
            return whole
        examples = len(self.plan.data.train)
        spec = fit_spec(self.recipe.train, self.recipe.fit, whole.fitted_prior, examples).for_examples(examples)
        self.reporter.note(f"Fitting the prior {prior.name!r} to the latents of the training data …")
        fit_stage(
            *(whole, self.plan.data, spec, self.recipe.seed, self.accelerator),
            *(directory.fit, self.reporter, self.trackers),
            continues=continues,
        )
        self.group.first(lambda: directory.write_best(whole))
        return whole

    def _evaluate(self, model: Model) -> None:
        """Evaluate and draw the best model, and describe the run."""
        recipe, directory = self.recipe, self.directory
        name, history = final_split(self.plan.data), directory.training.read_metrics()
        context = evaluation_context(model, self.plan.data, name, history=history, group=self.group)
        self.reporter.note(f"Evaluating on the {name} split ({len(context.split):,} examples) …")
        progress = occasionally(lambda text: self.reporter.note(f"  {text}"))
        metrics = choose_metrics(context, recipe.evaluate.metrics)
        measured = record(context, metrics, name, recipe.seed, progress=progress)
        best_epoch = next((record["epoch"] for record in reversed(history) if record["best"]), len(history))

        def describe() -> None:
            wanted = recipe.evaluate.figures
            paths = draw_figures(context, directory.figures, wanted, seed=recipe.seed, progress=progress)
            notes = [*self.plan.notes, *self._training_notes(model), *measured["notes"]]
            evaluation = {**measured, "best_epoch": best_epoch, "notes": notes}
            write_card(directory.path, recipe, self.plan.data.info, evaluation, paths)
            self.trackers.log({"evaluation": measured["metrics"]}, self.trainer.step)
            for path in paths:
                self.trackers.show(path.stem, path, self.trainer.step)
            directory.write_evaluation(evaluation)

        self.group.first(describe)

    def _training_notes(self, model: Model) -> list[str]:
        """Return notes on how training ended, for readers of the metrics."""
        position, epochs = self.trainer.position, self.recipe.train.epochs
        notes = notes_on_changes(self.directory.path)
        if model.has("fitted_prior"):
            worse = note_on_fit(model, self.plan.data, self.recipe.seed)
            notes += [] if worse is None else [worse]
        monitor = self.recipe.train.monitor
        diverged = divergence_note(
            *(self.directory.training.read_metrics(), monitor, self.trainer.first_loss),
            higher_is_better=model.higher_is_better(monitor),
            warmup_steps=self.trainer.warmup_steps,
        )
        notes += [] if diverged is None else [diverged]
        if position.stopped:
            notes.append(f"The callback {position.stopped!r} ended training after epoch {position.epoch} of {epochs}.")
        if position.best is None:
            notes.append(
                f"Training ended after step {position.step}, while weights of the loss still warmed up (until step "
                f"{self.trainer.warmup_steps}): the last epoch counts as the best."
            )
        return notes
