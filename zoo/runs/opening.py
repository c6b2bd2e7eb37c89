"""Prepares the directory of a run, new or resumed."""

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
def opened(
    directory: RunDirectory,
    plan: Plan,
    group: ProcessGroup,
    reporter: Reporter,
    *,
    resume: bool,
    overwrite: bool,
    changes: Sequence[str],
) -> Iterator[bool]:
    """Lock the run directory and make it ready; yield whether the run there continues.

    Args:
        reporter: is told what differs from the run so far.
        changes: the fields that the user chose to change, as ``KEY=VALUE``.

    Raises:
        RunError: another run is in the way, belongs to another recipe, or is longer than the recipe.
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
                "not all processes see the run directory",
                where=str(directory.path),
                remedy="Choose an --out on a file system that all machines share.",
            )
        if resume and not continues:
            reporter.note(f"Nothing to resume in {directory.path}: a new run starts.")
        yield continues


def _continue(directory: RunDirectory, plan: Plan, reporter: Reporter, changes: Sequence[str]) -> None:
    """Make a run ready to continue with a plan, and say which settings differ from those it had."""
    remove_partial(directory.path)
    before = directory.read_recipe()
    chosen, others = plan.check_same(before, str(directory.path), read_splits(directory.path), changes)
    done, epochs = len(directory.training.read_metrics()), plan.epochs
    if done > epochs:
        raise RunError(
            f"{done} epochs are done, more than the {epochs} of the recipe",
            where=str(directory.path),
            remedy="Ask for at least as many, or start again with another --out.",
        )
    if directory.is_finished() and not directory.training.has_state():
        directory.training.check_state_is_not_lost(0)
    length = [change for change in others if change.field == "train.epochs" and plan.has_schedule]
    record_changes(directory.path, [*chosen, *length], done)
    if chosen:
        reporter.note(f"Changed from now on: {_described(chosen)}.")
    if others:
        reporter.note(f"Settings that differ from those of the run so far: {_described(others)}.")
    if length:
        reporter.note(f"The learning rate follows the schedule of {epochs} epochs from now on.")
    if before.evaluate != plan.recipe.evaluate:
        directory.remove_evaluation()


def _described(changes: Sequence[Change]) -> str:
    """Return what differs, and of lists of metrics and figures only that they do."""
    sections = {".".join(change.field.split(".")[:2]) for change in changes if change.field.startswith("evaluate.")}
    fields = [
        f"`{change.field}` is {setting_text(change.after)}, was {setting_text(change.before)}"
        for change in changes
        if not change.field.startswith("evaluate.")
    ]
    return "; ".join([*fields, *(f"`{section}`" for section in sorted(sections))])
