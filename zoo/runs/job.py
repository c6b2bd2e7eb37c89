"""Training a recipe: train the model, evaluate it, draw figures, and write everything into a run directory.

If a launcher has started several processes, each of them does this: they share the work, and only the first one writes
files.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
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
from zoo.runs.card import write_card
from zoo.runs.changes import check_changes, notes_on_changes
from zoo.runs.directory import RECIPE, RunDirectory
from zoo.runs.fit_prior import fit_stage, poor_fit_note, with_fitted_prior
from zoo.runs.initial import Locate, directory_of_model, import_components, spec_of_model
from zoo.runs.opening import open_run
from zoo.runs.plan import Plan, flat_fields, make_plan, with_length_from
from zoo.runs.recorder import RunRecorder
from zoo.runs.run import Run
from zoo.runs.stage import run_stage
from zoo.runs.trackers import Trackers
from zoo.spec.overrides import override_texts
from zoo.spec.recipe import Recipe
from zoo.spec.recipe_files import origin_of
from zoo.spec.resolve import load_recipe
from zoo.training.devices import check_trackers, make_accelerator
from zoo.training.loop import Trainer
from zoo.training.prior_fit import fit_spec
from zoo.training.progress import Reporter, choose_reporter, throttled
from zoo.training.resolve import make_callbacks
from zoo.training.state import Position
from zoo.utils.arguments import checked
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import process_seed
from zoo.utils.text import portable_name


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
    """Train a recipe, evaluate the best model, draw figures, and write everything into a run directory.

    Args:
        recipe: a bundled name, a path, or a recipe's content.
        data: data in memory, in place of those that the recipe names: in any form of :func:`zoo.load_data`, such as an
            array, or a pair of an array and its labels. The recipe's options for all data (`binarise`, `resize`,
            `validation`, …) apply to them. To resume the run, pass the same data again.
        out: the run directory; by default ``runs/<name of the recipe>``, or the directory of a recipe.yaml to resume.
        resume: continue the run in the directory; start a new one if there is none.
        overwrite: replace the run in the directory.
        overrides: fields to set, such as ``["train.epochs=3"]``, or a mapping such as ``{"train.epochs": 3}``.
        changes: fields of the optimiser or the schedule that a resumed run continues with, such as
            ``{"train.optimizer.lr": 1e-4}``; they are recorded in the run.
        callbacks: callbacks by a key of your choice, in addition to those of the recipe. They are not stored in
            recipe.yaml: pass them again to resume the run.
        trackers: experiment trackers as objects, in addition to those that the recipe names.
        reporter: shows progress in place of the lines or the bar on standard error.
        quiet: show no progress.
        locate: returns the directory of the model that the recipe's ``init`` names; ``zoo.train`` knows the Hub and
            pretrained names.

    Raises:
        RecipeError, ComponentError, DataError: a field of the recipe, a component or the data are wrong.
        InputError: an object is not a callback or a tracker.
        RunError: the directory contains another run, or the run to resume has another recipe or other data.
        TrainingError: the loss is no longer finite, a callback failed, or training was interrupted; ``resume``
            continues from the last saved state.

    Example:
        >>> import tempfile, zoo
        >>> quick = ["train.epochs=1", "evaluate.metrics=[elbo]", "evaluate.figures=[]"]
        >>> run = zoo.train("digits", out=tempfile.mkdtemp(), overrides=quick)
        >>> run.model.sample(2).shape
        torch.Size([2, 1, 8, 8])
    """
    if resume and overwrite:
        raise RunError(
            "expected at most one of `resume` and `overwrite`, got both", where="train", remedy="Choose one of them."
        )
    changes = override_texts(changes)
    check_changes(changes, resume=resume)
    overrides = (*override_texts(overrides), *changes)
    import_components(recipe, overrides)
    in_memory = None if data is None else as_memory
    loaded = load_recipe(recipe, overrides, data=in_memory, spec_of=lambda name: spec_of_model(name, locate))
    directory = RunDirectory(out if out is not None else _default_directory(recipe, loaded.name, resume=resume))
    if resume and directory.exists():
        loaded = with_length_from(loaded, directory.read_recipe())
    with origin_of(recipe, overrides).located():
        check_trackers(loaded.train.trackers, trackers)
        chosen = (*loaded.train.trackers, *trackers)
        accelerator = make_accelerator(loaded.train, chosen, str(directory.path / "trackers"))
    group = ProcessGroup.here(accelerator.device)
    reporter = choose_reporter(reporter, quiet=quiet or not group.is_first)
    if not resume:
        group.first(lambda: directory.check_free(overwrite=overwrite))
    with origin_of(recipe, overrides).located():
        # The first process downloads the data if necessary; afterwards the others load them.
        planned = functools.partial(make_plan, loaded, reporter.note, data, locate)
        plan = group.first(planned) or planned()
        job = _Job(plan, directory, reporter, accelerator, group, callbacks or {})
    opening = open_run(directory, plan, group, reporter, resume=resume, overwrite=overwrite, changes=changes)
    with opening as continues:
        return job.run(continues=continues)


def _default_directory(recipe: object, name: str, *, resume: bool) -> Path:
    """Return the default directory: that of the recipe if it is in the directory of a run to resume."""
    if resume and isinstance(recipe, (str, Path)):
        directory = RunDirectory(Path(recipe).parent)
        if Path(recipe).name == RECIPE and directory.is_started():
            return directory.path
    return Path("runs") / portable_name(name)


class _Job:
    """The work of one process on a run.

    The model is assembled once, in the plan. It is trained, its best weights are loaded, and it is evaluated.
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
            save_epoch=lambda epoch: directory.write_epoch(self.model, epoch) if spec.keeps(epoch) else None,
        )
        self.trainer = Trainer(
            *(self.model, plan.data, spec, self.recipe.seed, accelerator, recorder),
            make_callbacks(spec, callbacks),
        )

    def run(self, *, continues: bool) -> Run:
        """Train the model, fit its prior if the recipe asks for one, evaluate it, and return the run.

        Args:
            continues: whether an existing run continues.
        """
        directory = self.directory
        self._seed_noise()
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

    def _seed_noise(self) -> None:
        """Continue with the random state after the initial weights; several processes have a seed each."""
        torch.manual_seed(process_seed(self.recipe.seed, self.group.rank))
        if self.group.count == 1:
            torch.set_rng_state(self.plan.noise)

    def _prepare(self, position: Position) -> None:
        """Remove the files that a continued run will write again."""
        if not position.finished:
            self.directory.remove_evaluation()
            self.directory.fit.clear()

    def _fit_prior(self, model: Model, *, continues: bool) -> Model:
        """Fit the prior that the recipe asks for, write the model as the best one, and return it."""
        prior, directory = self.recipe.model.fitted_prior, self.directory
        if prior is None:
            return model
        examples = len(self.plan.data.train)
        whole = with_fitted_prior(model, prior, self.recipe.seed, train_examples=examples)
        if directory.is_finished():
            directory.read_best(whole)
            return whole
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
        """Evaluate the best model; write the metrics, the figures and the model card."""
        recipe, directory = self.recipe, self.directory
        name, history = final_split(self.plan.data), directory.training.read_metrics()
        context = evaluation_context(model, self.plan.data, name, history=history, group=self.group)
        self.reporter.note(f"Evaluating on the {name} split ({len(context.split):,} examples) …")
        progress = throttled(lambda text: self.reporter.note(f"  {text}"))
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
        """Return notes on the training, for readers of the metrics."""
        position, epochs = self.trainer.position, self.recipe.train.epochs
        notes = notes_on_changes(self.directory.path)
        if model.has("fitted_prior"):
            worse = poor_fit_note(model, self.plan.data, self.recipe.seed)
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
                f"Training ended after step {position.step}, before the weights of the loss had warmed up (until step "
                f"{self.trainer.warmup_steps}), so the last epoch counts as the best."
            )
        return notes
