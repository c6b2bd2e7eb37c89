"""A record of the data that a run was started with, so that resuming it with other data is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from zoo.errors import CheckpointError, RunError
from zoo.spec.data_description import SplitDescription
from zoo.utils.files import write_text
from zoo.utils.foreign import parsing, read_text

_LARGEST = 2**20
DATA = "state/data.json"
Splits = Mapping[str, SplitDescription]


def write_splits(folder: Path, splits: Splits) -> None:
    """Record the data that a run is started with."""
    document = {name: split.model_dump(mode="json") for name, split in splits.items()}
    write_text(folder / DATA, json.dumps(document, indent=2) + "\n")


def read_splits(folder: Path) -> dict[str, SplitDescription] | None:
    """Return the data that a run was started with, or None for a run of version 0.1.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / DATA
    if not os.path.lexists(path):
        return None
    with parsing(path, CheckpointError, remedy="Start a new run."):
        document = json.loads(read_text(path, limit=_LARGEST))
        return {name: SplitDescription.model_validate(split) for name, split in document.items()}


def check_same_data(before: Splits, now: Splits) -> None:
    """Check that the data are those that a run was started with, wherever they are stored.

    Raises:
        RunError: a split has other examples, or another number of them.
    """
    if {name: split.examples for name, split in before.items()} != {name: s.examples for name, s in now.items()}:
        raise RunError(
            f"expected {_counted(before)} examples to train, validate and test on, got {_counted(now)}: "
            "the splits differ, and examples that were trained on may be tested on",
            where="data",
            remedy="Restore the data that the run was started with, or choose another --out.",
        )
    changed = [name for name, split in before.items() if now[name].digest != split.digest]
    if changed:
        raise RunError(
            f"the {' and '.join(changed)} examples or labels differ from those that the run was started with",
            where="data",
            remedy="Restore the data that the run was started with, or choose another --out.",
        )


def _counted(splits: Splits) -> str:
    counts = (splits[name].examples if name in splits else 0 for name in ("train", "validation", "test"))
    return ", ".join(str(count) for count in counts)
