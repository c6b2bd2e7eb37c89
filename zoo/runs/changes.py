"""Fields that the user changes when a run is resumed, and the record of these changes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zoo.errors import CheckpointError, RunError
from zoo.utils.files import append_line, write_text
from zoo.utils.foreign import parsing, read_text
from zoo.utils.text import setting_text

CHANGES = "changes.jsonl"
_CHANGEABLE = ("train.optimizer.", "train.schedule.", "train.clip_norm", "train.groups.", "train.turns.")
"""Fields that may be changed: those of the optimiser, not of the model or the data."""
_LARGEST, _LONGEST = 2**20, 200


@dataclass(frozen=True)
class Change:
    """A field of a recipe that was changed.

    Attributes:
        field: the path of the field.
        epoch: the number of finished epochs when it was changed.
    """

    field: str
    before: Any
    after: Any
    epoch: int = 0


def is_changeable(field: str) -> bool:
    """Return whether a run may be resumed with another value of a field, if the user asks for it.

    Example:
        >>> is_changeable("train.optimizer.lr"), is_changeable("model.latent_dim")
        (True, False)
    """
    return field.startswith(_CHANGEABLE) and not field.endswith(".name")


def is_requested(field: str, changes: Iterable[str]) -> bool:
    """Return whether the user asked to change a field, or a field that contains it, as ``KEY=VALUE``."""
    keys = [change.partition("=")[0].strip() for change in changes]
    return is_changeable(field) and any(field == key or field.startswith(f"{key}.") for key in keys)


def check_changes(changes: Iterable[str], *, resume: bool) -> None:
    """Check that changes can be made to a run.

    Raises:
        RunError: the run is not resumed, or the field is not one of the optimiser.
    """
    for change in changes:
        key = change.partition("=")[0].strip()
        if not resume:
            raise RunError(
                "a field can be changed only when a run is resumed",
                where=f"--change {key}",
                remedy="Use --set for a new run, or add --resume.",
            )
        if not (is_changeable(key) or (is_changeable(f"{key}.") and not key.endswith(".name"))):
            raise RunError(
                "a run cannot continue with another value of this field",
                where=f"--change {key}",
                remedy=f"Fields that can be changed begin with {', '.join(_CHANGEABLE)}. For other fields start a new "
                "run, for example from this model with `init: MODEL`.",
            )


def record_changes(folder: Path, changes: Iterable[Change], epoch: int) -> None:
    """Record changes, except those that a process has recorded just before it was killed."""
    for change in changes:
        made = replace(change, epoch=epoch)
        if not (folder / CHANGES).exists():
            write_text(folder / CHANGES, "")
        if made not in [each for each in read_changes(folder) if each.field == made.field][-1:]:
            append_line(folder / CHANGES, json.dumps(asdict(made)))


def read_changes(folder: Path) -> list[Change]:
    """Return the recorded changes of a run, in order.

    Raises:
        CheckpointError: the record is damaged.
    """
    path = folder / CHANGES
    if not os.path.lexists(path):
        return []
    with parsing(path, CheckpointError):
        changes = [Change(**json.loads(line)) for line in read_text(path, limit=_LARGEST).splitlines()]
        if not all(_is_possible(change) for change in changes):
            raise ValueError("expected the name of a field and an epoch in each line")
    return changes


def _is_possible(change: Change) -> bool:
    # Notes on a run show the field as it is.
    field = change.field
    is_field = isinstance(field, str) and field.isprintable() and 0 < len(field) <= _LONGEST
    return is_field and type(change.epoch) is int and change.epoch >= 0


def notes_on_changes(folder: Path) -> list[str]:
    """Return a sentence for each change of a run."""
    return [
        f"Resumed after epoch {change.epoch} with `{change.field}` {setting_text(change.after)} in place of "
        f"{setting_text(change.before)}."
        for change in read_changes(folder)
    ]
