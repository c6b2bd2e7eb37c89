"""``zoo.pull``: downloads a model from the Hub to the cache or to a directory, and checks it."""

from __future__ import annotations

import contextlib
import os
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
from zoo.utils.arguments import check_path
from zoo.utils.files import replacing


@dataclass(frozen=True)
class Pulled:
    """A model that was downloaded from the Hub.

    Attributes:
        path: the directory of the model, which :func:`zoo.load` and every command accept.
        address: the address that it came from, ``hf://user/name@revision``.
        commit: the id of the commit.
        model: the loaded model, in evaluation mode.
        evaluation: the metrics that its author measured, or None.
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
    """Download a model from the Hugging Face Hub, check it, and load it.

    Only the files of a model of the zoo are downloaded. Each file is compared with its checksum, the configuration is
    validated, and the weights are loaded strictly; nothing is executed or unpickled. Without a network, the copy in
    the cache is used, with a warning.

    Args:
        repo_id: ``"user/name"`` or ``"hf://user/name@revision"``.
        revision: a branch, tag or commit; None: the default branch.
        to: a new or empty directory to copy the files to; None: they stay in the cache of huggingface_hub.
        token: the token to send, for a private model; None: the one from ``HF_TOKEN`` or ``hf auth login``.

    Raises:
        HubError: the Hub cannot be reached or refuses the request, or a downloaded file has a wrong size or checksum.
        HubInputError: there is no such repository, revision or file.
        CheckpointError, RecipeError, ComponentError: the repository is not a model of the zoo, is not safe to read, or
            needs a package that is not installed.
        RunError: ``to`` is not empty, or not a directory.
        OSError: ``to`` cannot be written.
    """
    address = Address.parse(repo_id, revision)
    target = None if to is None else _free_directory(to)
    cached = fetch(address, everything=True, token=token)
    with located(str(address)):
        model = load(cached.path)
    path = cached.path if target is None else _copy(cached, target)
    return Pulled(path, str(address), cached.commit, model, load_record(path / EVALUATION))


def _free_directory(to: str | Path) -> Path:
    """Return a path at which nothing or an empty directory exists.

    Raises:
        InputError: ``to`` is not a path.
        RunError: something else exists there.
    """
    check_path(to, "to")
    target = Path(to)
    problem = None
    if not str(to):
        problem = "expected a directory, got an empty name"
    elif target.is_symlink() and not target.exists():
        problem = "expected a directory, got a broken link"
    elif target.exists() and not target.is_dir():
        problem = "expected a directory, got a file"
    elif target.exists() and any(target.iterdir()):
        problem = "the directory is not empty"
    elif (above := next(place for place in target.absolute().parents if os.path.lexists(place))) and not above.is_dir():
        problem = f"expected a directory above it, {above} is a file"
    if problem is not None:
        raise RunError(problem, where=str(to) or "--to", remedy="Name a new or empty directory.")
    return target


def _copy(cached: CachedModel, target: Path) -> Path:
    """Copy the checked files to a new directory, which appears only when it is complete, or into an existing one.

    An existing empty directory is not replaced, because it may be somebody's working directory or a mounted disk. If
    copying fails, the files that were copied into it are removed.
    """
    if target.is_dir():
        try:
            _copy_files(cached, target)
        except BaseException:
            for name in cached.names:
                (target / name).unlink(missing_ok=True)
            for folder in {(target / name).parent for name in cached.names} - {target}:
                with contextlib.suppress(OSError):  # it holds files of somebody else
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
    # The configuration is copied last, because a directory without it does not count as a model.
    for name in sorted(cached.names, key=lambda name: name == CONFIG):
        (folder / name).parent.mkdir(exist_ok=True)
        with replacing(folder / name) as temporary:
            shutil.copyfile(cached.path / name, temporary)
