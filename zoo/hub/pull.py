"""``zoo.pull``: a model from the Hub, checked, in the cache or in a directory of your own."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.checkpoints.checkpoint import CONFIG, load
from zoo.errors import RunError, located
from zoo.evaluation.record import load_record
from zoo.hub.address import Address
from zoo.hub.download import CachedModel, fetch
from zoo.model import Model
from zoo.runs.directory import EVALUATION
from zoo.spec.model import ModelSpec
from zoo.utils.files import replacing


@dataclass(frozen=True)
class Pulled:
    """A model that was downloaded from the Hub.

    Attributes:
        path: the directory that it lies in; :func:`zoo.load` and every command take it.
        address: where it came from, ``hf://user/name@revision``.
        commit: which commit it is.
        model: opened and in evaluation mode.
        evaluation: its metrics as its author measured them, or None.
    """

    path: Path
    address: str
    commit: str
    model: Model
    evaluation: dict[str, Any] | None

    @property
    def spec(self) -> ModelSpec:
        """The component of each role."""
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
    a network the copy in the cache is used, with a warning.

    Args:
        repo_id: ``"user/name"``, or ``"hf://user/name@revision"``.
        revision: a branch, a tag or a commit.
        to: a new or empty directory to copy the files to; in the cache of huggingface_hub if not given.
        token: for a private model; None for that of ``HF_TOKEN`` or ``hf auth login``.

    Raises:
        HubError: the Hub cannot be reached or refuses, or what arrived is not what was sent.
        HubInputError: there is no such repository, revision or file.
        CheckpointError, RecipeError, ComponentError: it is not a model of the zoo, is not safe, or needs a package
            that is not installed.
        RunError: the directory is not empty, or no directory.
        OSError: it cannot be written to.
    """
    address = Address.parse(repo_id, revision)
    target = None if to is None else _free_directory(to)
    cached = fetch(address, everything=True, token=token)
    with located(str(address)):
        model = load(cached.path)
    path = cached.path if target is None else _copy(cached, target)
    return Pulled(path, str(address), cached.commit, model, load_record(path / EVALUATION))


def _free_directory(to: str | Path) -> Path:
    """Return a path that is absent or an empty directory.

    Raises:
        RunError: it is neither.
    """
    target = Path(to)
    problem = None
    if not str(to):
        problem = "expected a directory, got an empty name"
    elif target.is_symlink() and not target.exists():
        problem = "it is a link that leads nowhere"
    elif target.exists() and not target.is_dir():
        problem = "it is not a directory"
    elif target.exists() and any(target.iterdir()):
        problem = "the directory is not empty"
    if problem is not None:
        raise RunError(problem, where=str(to) or "--to", remedy="Name a new or an empty directory.")
    return target


def _copy(cached: CachedModel, target: Path) -> Path:
    """Copy the files that were checked: to a new directory that is complete or absent, or into one that is there.

    An empty directory is kept as it is, since it may be the one somebody works in, or a disk; what was copied into it
    is removed if the rest fails.
    """
    if target.is_dir():
        try:
            _copy_files(cached, target)
        except BaseException:
            for name in cached.names:
                (target / name).unlink(missing_ok=True)
            for folder in {(target / name).parent for name in cached.names} - {target}:
                with contextlib.suppress(OSError):  # somebody else's files are in it
                    folder.rmdir()
            raise
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".pull-", suffix=".partial"))
    try:
        _copy_files(cached, temporary)
        temporary.chmod(0o755)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _copy_files(cached: CachedModel, folder: Path) -> None:
    # The configuration last: without it, a directory does not count as a model.
    for name in sorted(cached.names, key=lambda name: name == CONFIG):
        (folder / name).parent.mkdir(exist_ok=True)
        with replacing(folder / name) as temporary:
            shutil.copyfile(cached.path / name, temporary)
