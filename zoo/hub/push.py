"""``zoo.push``: a model to the Hub, in one commit."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoints.checkpoint import save
from zoo.errors import InputError, ZooWarning
from zoo.hub.address import Address
from zoo.hub.bounds import hub_calls
from zoo.hub.bundle import Bundle, collect, is_same, left_behind
from zoo.hub.client import Listing, connect, list_files, with_retries
from zoo.hub.commit import Change, commit
from zoo.hub.content import NEEDED, USEFUL, check_size, is_figure
from zoo.hub.faults import HubError
from zoo.hub.transfer import transfer
from zoo.model import Model
from zoo.runs.card_file import is_untouched
from zoo.runs.directory import CARD
from zoo.runs.job import Run
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Pushed:
    """The result of a push, or of a dry run.

    Attributes:
        address: ``hf://user/name``, which :func:`zoo.load` and every command take.
        url: the page of the commit; that of the repository if nothing was sent.
        commit: the commit that holds the model now; None if nothing was sent.
        files: the files of the model, with their sizes in bytes.
        changed: those that the commit changed or removed; empty if it was all there already.
        left: files beside the model that stay where they are.
        dry_run: whether this is what would be done.
    """

    address: str
    url: str
    commit: str | None
    files: dict[str, int]
    changed: tuple[str, ...]
    left: tuple[str, ...]
    dry_run: bool = False


def push(
    model: Run | Model | str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    tag: str | None = None,
    message: str | None = None,
    licence: str | None = None,
    token: str | bool | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Push a model to the Hugging Face Hub, in one commit, and create its repository if there is none.

    Weights, configuration, recipe, evaluation, the model card and the figures that the card shows are pushed, and
    nothing else: no state, no log, no data, and no path of this machine. What the Hub has already is not sent, and
    no commit is made if nothing changed. A card that a person edited on the Hub stays as it is.

    Args:
        model: a run, a model, or a run or checkpoint directory.
        repo_id: ``"user/name"``; ``"name"`` alone is one of the account that is logged in.
        private: of a repository that is created; None: as the account is set up.
        revision: the branch, created if it is not there; the default one if not given.
        tag: a name for the commit, such as ``"v1.0"``.
        message: of the commit.
        licence: under which the model may be used, as the Hub names it: ``"mit"``, ``"cc-by-4.0"``, …
        token: None for that of ``HF_TOKEN`` or ``hf auth login``.
        dry_run: send nothing and ask nothing; return what would be pushed.

    Raises:
        HubError: the Hub cannot be reached or refuses, or somebody else was faster.
        ZooError: the model cannot be loaded, or its card or recipe cannot be read.
    """
    api = connect(token)
    with (
        tempfile.TemporaryDirectory(prefix="latent-zoo-") as name,
        hub_calls(repo_id, endpoint=api.endpoint, token=token),
    ):
        address = Address.parse(repo_id if "/" in repo_id else f"{_account(api, repo_id, dry_run)}/{repo_id}", revision)
        folder = _folder(model, Path(name) / "model")
        workshop = Path(name) / "workshop"
        workshop.mkdir()
        bundle = collect(folder, address.repo, workshop, licence=licence)
        left = tuple(left_behind(folder, bundle))
        files = {path: file.stat().st_size for path, file in bundle.files.items()}
        url = f"{api.endpoint}/{address.repo}"
        if dry_run:
            return Pushed(str(address), url, None, files, tuple(files), left, dry_run=True)
        with hub_calls(str(address), endpoint=api.endpoint, token=token):
            listing = _open_repository(api, address, private)
            change = _difference(api, address, listing, bundle)
            made = listing.commit
            if change:
                made = commit(api, address, listing, change, message or f"{bundle.title}, by latent-zoo {__version__}")
                url = f"{url}/commit/{made}"
            if tag:
                _tag(api, address, tag, made)
    return Pushed(str(address), url, made, files, change.names, left)


def _account(api: HfApi, name: str, dry_run: bool) -> str:
    if dry_run:
        raise InputError("a dry run asks nobody whose it is", where=name, remedy="Name it user/name.")
    return str(with_retries(api.whoami)["name"])


def _folder(model: Run | Model | str | Path, workshop: Path) -> Path:
    if isinstance(model, Run):
        return model.path
    if isinstance(model, Model):
        return save(model, workshop)
    return Path(model)


def _open_repository(api: HfApi, address: Address, private: bool | None) -> Listing:
    """Return what the branch holds, after creating the repository and the branch if they do not exist."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return list_files(api, address)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        with_retries(lambda: api.create_repo(address.repo, private=private, exist_ok=True))
    except RevisionNotFoundError:
        pass
    if address.revision is not None:
        with_retries(lambda: api.create_branch(address.repo, branch=str(address.revision), exist_ok=True))
    return list_files(api, address)


def _difference(api: HfApi, address: Address, listing: Listing, bundle: Bundle) -> Change:
    """Return what must be sent and removed so that the branch holds the bundle."""
    wanted = dict(bundle.files)
    ours = _card_is_ours(api, address, listing)
    if not ours:
        del wanted[CARD]
        warnings.warn(
            f"{address}: README.md was edited by a person and is left unchanged; delete it there to have it "
            "written again",
            ZooWarning,
            stacklevel=4,
        )
    added = {
        name: path
        for name, path in wanted.items()
        if name not in listing.files or not is_same(path, listing.files[name])
    }
    # Files of the model that was there before would describe another one. A card that stays keeps its pictures.
    removed = tuple(
        name
        for name in listing.files
        if name not in wanted and (name in (*NEEDED, *USEFUL) or (ours and is_figure(name)))
    )
    return Change(added, removed)


def _card_is_ours(api: HfApi, address: Address, listing: Listing) -> bool:
    """Whether the card on the Hub, if there is one, is as this package wrote it."""
    if CARD not in listing.files:
        return True
    check_size(CARD, listing.files[CARD].size, str(address))
    with tempfile.TemporaryDirectory(prefix="latent-zoo-") as folder:
        path = Path(folder) / CARD
        transfer(api, address, listing.commit, CARD, listing.files[CARD], path)
        return is_untouched(path.read_text(encoding="utf-8", errors="replace"))


def _tag(api: HfApi, address: Address, tag: str, target: str) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        with_retries(lambda: api.create_tag(address.repo, tag=tag, revision=target))
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        known: Any = {ref.name: ref.target_commit for ref in api.list_repo_refs(address.repo).tags}
        if known.get(tag) != target:
            raise HubError(
                f"the model is there, but the tag {tag!r} stands for another commit already",
                where=str(address),
                remedy="Choose another --tag, or delete that one on the Hub.",
            ) from None
