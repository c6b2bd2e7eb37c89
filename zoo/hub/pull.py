"""``zoo.pull``: a model from the Hub, checked, in the cache or in a directory of your own."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.checkpoints.checkpoint import load
from zoo.errors import RunError, located
from zoo.hub.address import Address
from zoo.hub.content import read_evaluation
from zoo.hub.download import CachedModel, fetch
from zoo.model import Model
from zoo.spec.model import ModelSpec


@dataclass(frozen=True)
class Pulled:
    """A model that came from the Hub.

    Attributes:
        path: the directory that it lies in; :func:`zoo.load` and every command take it.
        address: where it came from, ``hf://user/name@revision``.
        commit: which commit it is.
        model: opened and in evaluation mode.
        evaluation: its figures as its author measured them, or None.
    """

    path: Path
    address: str
    commit: str
    model: Model
    evaluation: dict[str, Any] | None

    @property
    def spec(self) -> ModelSpec:
        """What it is made of."""
        return self.model.spec


def pull(
    repo_id: str,
    *,
    revision: str | None = None,
    to: str | Path | None = None,
    token: str | bool | None = None,
) -> Pulled:
    """Fetch a model from the Hugging Face Hub, check it, and open it.

    Only the files of a model of the zoo are fetched. Each is compared with its checksum, the configuration is
    validated, and the weights are loaded strictly; nothing is executed or unpickled. What fails is refused. Without
    a network the copy in the cache serves, with a warning.

    Args:
        repo_id: ``"user/name"``, or ``"hf://user/name@revision"``.
        revision: a branch, a tag or a commit.
        to: a new or empty directory to copy the files to; in the cache of huggingface_hub if not given.
        token: for a private model; None for that of ``HF_TOKEN`` or ``hf auth login``.

    Raises:
        HubError: the Hub cannot be reached or refuses, or what arrived is not what was sent.
        HubInputError: there is no such repository, revision or file.
        CheckpointError, RecipeError, ComponentError: it is no model of the zoo, is not safe, or needs a package
            that is not installed.
        RunError: the directory is not empty.
    """
    address = Address.parse(repo_id, revision)
    target = None if to is None else Path(to)
    if target is not None and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RunError("something is there already", where=str(target), remedy="Name a new or an empty directory.")
    snapshot = fetch(address, everything=True, token=token)
    with located(str(address)):
        model = load(snapshot.path)
    path = snapshot.path if target is None else _copy(snapshot, target)
    return Pulled(path, str(address), snapshot.commit, model, read_evaluation(path))


def _copy(snapshot: CachedModel, target: Path) -> Path:
    """Copy the files that were checked to a directory that is complete or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial"))
    try:
        for name in snapshot.names:
            (temporary / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(snapshot.path / name, temporary / name)
        temporary.chmod(0o755)
        if target.exists():
            target.rmdir()
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target
