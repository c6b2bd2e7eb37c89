"""Fields that a user changes when a run is resumed, and the record of the changes."""

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
"""Fields that decide how steps are made, not what they are made on."""
_LARGEST, _LONGEST = 2**20, 200


@dataclass(frozen=True)
class Change:
    """A field of a recipe that was changed.

    Attributes:
        field: its path.
        epoch: how many epochs were done.
    """

    field: str
    before: Any
    after: Any
    epoch: int = 0


def is_changeable(field: str) -> bool:
    """Whether a run may be resumed with another value of a field, if the user says so.

    Example:
        >>> is_changeable("train.optimizer.lr"), is_changeable("model.latent_dim")
        (True, False)
    """
    return field.startswith(_CHANGEABLE) and not field.endswith(".name")


def is_chosen(field: str, changes: Iterable[str]) -> bool:
    """Whether a field is, or lies in, one of those that the user chose to change, as ``KEY=VALUE``."""
    keys = [change.partition("=")[0].strip() for change in changes]
    return is_changeable(field) and any(field == key or field.startswith(f"{key}.") for key in keys)


def check_changes(changes: Iterable[str], *, resume: bool) -> None:
    """Refuse changes that cannot be made to a run.

    Raises:
        RunError: the run is not resumed, or the field decides more than how steps are made.
    """
    for change in changes:
        key = change.partition("=")[0].strip()
        if not resume:
            raise RunError("a run that begins has nothing to change", where=f"--change {key}", remedy="Use --set.")
        if not (is_changeable(key) or (is_changeable(f"{key}.") and not key.endswith(".name"))):
            raise RunError(
                "a run cannot continue with another value of this field",
                where=f"--change {key}",
                remedy=f"What can be changed begins with {', '.join(_CHANGEABLE)}. For others begin a new run, "
                "perhaps with `init: MODEL`.",
            )


def record_changes(folder: Path, changes: Iterable[Change], epoch: int) -> None:
    """Write down what was changed, unless a process that was killed right then did so."""
    for change in changes:
        made = replace(change, epoch=epoch)
        if not (folder / CHANGES).exists():
            write_text(folder / CHANGES, "")
        if made not in [each for each in read_changes(folder) if each.field == made.field][-1:]:
            append_line(folder / CHANGES, json.dumps(asdict(made)))


def read_changes(folder: Path) -> list[Change]:
    """Return what was changed in a run so far.

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
    """Describe what was changed in a run."""
    return [
        f"Resumed after epoch {change.epoch} with `{change.field}` {setting_text(change.after)} in place of "
        f"{setting_text(change.before)}."
        for change in read_changes(folder)
    ]
