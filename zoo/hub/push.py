"""``zoo.push``: pushes a model to the Hub in one commit."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoints.checkpoint import save
from zoo.errors import InputError, ZooWarning
from zoo.hub.address import Address
from zoo.hub.bundle import Bundle, collect, files_not_pushed, has_same_content
from zoo.hub.client import Listing, connect, list_files, with_retries
from zoo.hub.commit import Change, commit
from zoo.hub.content import OPTIONAL, REQUIRED, check_size, is_figure
from zoo.hub.errors import HubError
from zoo.hub.limits import hub_calls
from zoo.hub.transfer import transfer
from zoo.model import Model
from zoo.runs.card_file import is_untouched
from zoo.runs.directory import CARD
from zoo.runs.run import Run
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Pushed:
    """The result of a push, or of a dry run.

    Attributes:
        address: ``hf://user/name``, which :func:`zoo.load` and every command accept.
        url: the page of the commit, or of the repository if no commit was made.
        commit: the commit that contains the model; None after a dry run.
        files: the size in bytes of each file of the model, by name.
        changed: the files that the commit changed or removed; empty if the Hub had all of them already.
        left: files in the model's directory that are not pushed.
        dry_run: whether nothing was sent, and this is what a push would do.
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
    """Push a model to the Hugging Face Hub in one commit, and create its repository if it does not exist.

    The weights, configuration, recipe, evaluation, model card and the figures in the card are pushed, and nothing
    else: no training state, no logs, no data, and no paths on this machine. Files that the Hub already has are not
    sent again, and no commit is made if nothing changed. A card that was edited on the Hub is left unchanged.

    Args:
        model: a run, a model, or a run or checkpoint directory.
        repo_id: ``"user/name"``, or ``"name"`` for a repository of the account that is logged in.
        private: whether a new repository is private; None: the default of the account.
        revision: the branch, which is created if it does not exist; None: the default branch.
        tag: a tag for the commit, such as ``"v1.0"``.
        message: the commit message.
        licence: the licence of the model, in the notation of the Hub: ``"mit"``, ``"cc-by-4.0"``, …
        token: the token to send; None: the one from ``HF_TOKEN`` or ``hf auth login``.
        dry_run: send no request; return what would be pushed.

    Raises:
        HubError: the Hub cannot be reached or refuses the request, or somebody else pushed at the same time.
        ZooError: the model cannot be loaded, or its card or recipe cannot be read.
    """
    api = connect(token)
    with (
        tempfile.TemporaryDirectory(prefix="latent-zoo-") as name,
        hub_calls(repo_id, endpoint=api.endpoint, token=token),
    ):
        address = Address.parse(repo_id if "/" in repo_id else f"{_account(api, repo_id, dry_run)}/{repo_id}", revision)
        folder = _folder(model, Path(name) / "model")
        scratch = Path(name) / "scratch"
        scratch.mkdir()
        bundle = collect(folder, address.repo, scratch, licence=licence)
        left = tuple(files_not_pushed(folder, bundle))
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
        raise InputError(
            "expected user/name, since a dry run does not ask the Hub which account is logged in",
            where=name,
            remedy="Write the name as user/name, or leave out --dry-run (dry_run=True in Python).",
        )
    return str(with_retries(api.whoami)["name"])


def _folder(model: Run | Model | str | Path, scratch: Path) -> Path:
    if isinstance(model, Run):
        return model.path
    if isinstance(model, Model):
        return save(model, scratch)
    return Path(model)


def _open_repository(api: HfApi, address: Address, private: bool | None) -> Listing:
    """Return the files of the branch, after creating the repository and the branch if they do not exist."""
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
    """Return the files to send and to remove so that the branch holds the files of the bundle."""
    wanted = dict(bundle.files)
    ours = _card_is_ours(api, address, listing)
    if not ours:
        del wanted[CARD]
        warnings.warn(
            f"{address}: README.md was edited on the Hub and is left unchanged; to replace it, delete it there and "
            "push again",
            ZooWarning,
            stacklevel=4,
        )
    added = {
        name: path
        for name, path in wanted.items()
        if name not in listing.files or not has_same_content(path, listing.files[name])
    }
    # Files of the previous model that the new one does not have would be wrong. A card that stays keeps its figures.
    removed = tuple(
        name
        for name in listing.files
        if name not in wanted and (name in (*REQUIRED, *OPTIONAL) or (ours and is_figure(name)))
    )
    return Change(added, removed)


def _card_is_ours(api: HfApi, address: Address, listing: Listing) -> bool:
    """Return whether the card on the Hub is unchanged since this package wrote it, or there is none."""
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
                f"the model was pushed, but the tag {tag!r} already belongs to another commit",
                where=str(address),
                remedy="Choose another --tag, or delete that tag on the Hub.",
            ) from None
