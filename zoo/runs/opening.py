"""Preparation of the directory of a new or resumed run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from zoo.errors import RunError
from zoo.runs.changes import Change, record_changes
from zoo.runs.directory import RunDirectory
from zoo.runs.plan import Plan
from zoo.runs.run_data import read_splits, write_splits
from zoo.training.progress import Reporter
from zoo.utils.distributed import ProcessGroup
from zoo.utils.files import remove_partial
from zoo.utils.text import setting_text


@contextmanager
def open_run(
    directory: RunDirectory,
    plan: Plan,
    group: ProcessGroup,
    reporter: Reporter,
    *,
    resume: bool,
    overwrite: bool,
    changes: Sequence[str],
) -> Iterator[bool]:
    """Lock and prepare the run directory; yield whether an existing run continues.

    Args:
        reporter: shows which settings differ from those of the existing run.
        changes: the fields that the user asked to change, as ``KEY=VALUE``.

    Raises:
        RunError: the directory contains another run, a run of another recipe, or one that is longer than the recipe.
    """
    with ExitStack() as lock:

        def prepare() -> bool:
            lock.enter_context(directory.locked())
            continues = resume and directory.exists()
            if continues:
                _continue(directory, plan, reporter, changes)
            else:
                directory.check_free(overwrite=overwrite)
                directory.clear()
            directory.write_recipe(plan.recipe)
            write_splits(directory.path, plan.splits)
            return continues

        continues = group.any(bool(group.first(prepare)))
        if group.any(not directory.exists()):
            raise RunError(
                "expected all processes to see the run directory, but some do not",
                where=str(directory.path),
                remedy="Choose an --out on a file system that all machines share.",
            )
        if resume and not continues:
            reporter.note(f"There is no run to resume in {directory.path}: a new run starts.")
        yield continues


def _continue(directory: RunDirectory, plan: Plan, reporter: Reporter, changes: Sequence[str]) -> None:
    """Prepare a run to continue with a plan, and report which settings differ from before."""
    remove_partial(directory.path)
    before = directory.read_recipe()
    chosen, others = plan.check_same(before, str(directory.path), read_splits(directory.path), changes)
    done, epochs = len(directory.training.read_metrics()), plan.epochs
    if done > epochs:
        raise RunError(
            f"expected a run of at most {epochs} epochs, as in the recipe, got one of {done} epochs",
            where=str(directory.path),
            remedy=f"Set `train.epochs` to at least {done}, or start again with another --out.",
        )
    if directory.is_finished() and not directory.training.has_state():
        directory.training.check_state_is_not_lost(0)
    length = [change for change in others if change.field == "train.epochs" and plan.has_schedule]
    record_changes(directory.path, [*chosen, *length], done)
    if chosen:
        reporter.note(f"Changed from now on: {_described(chosen)}.")
    if others:
        reporter.note(f"Settings that differ from those so far: {_described(others)}.")
    if length:
        reporter.note(f"From now on, the learning rate follows the schedule for {epochs} epochs.")
    if before.evaluate != plan.recipe.evaluate:
        directory.remove_evaluation()


def _described(changes: Sequence[Change]) -> str:
    """Return the changes as a text; for lists of metrics and figures, only the name of the list."""
    sections = {".".join(change.field.split(".")[:2]) for change in changes if change.field.startswith("evaluate.")}
    fields = [
        f"`{change.field}` is {setting_text(change.after)}, was {setting_text(change.before)}"
        for change in changes
        if not change.field.startswith("evaluate.")
    ]
    return "; ".join([*fields, *(f"`{section}`" for section in sorted(sections))])
