"""Files from the Hub into its cache: those of one commit, each compared with its checksum before it is used."""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.checkpoints.checkpoint import CONFIG
from zoo.errors import ZooWarning
from zoo.hub.address import Address
from zoo.hub.client import Listing, RemoteFile, connect, is_passing, list_files, patiently
from zoo.hub.content import check_content, check_present, check_size, choose
from zoo.hub.faults import HubError, describe, offline, told
from zoo.utils.files import write_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CHUNK = 2**20
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit in the cache.

    Attributes:
        path: the folder that they stand in; it may hold others, which nobody checked.
        commit: which commit they are of.
        names: the files that were asked for, found, and checked.
    """

    path: Path
    commit: str
    names: tuple[str, ...]


def fetch(
    address: Address,
    *,
    everything: bool = False,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Snapshot:
    """Bring the model at an address into the cache, and check it.

    The revision is resolved to a commit once, so that all files belong together. Without a network, or with
    ``HF_HUB_OFFLINE``, the copy in the cache serves, with a warning that says so.

    Args:
        everything: the model card and the figures, too.
        token: None for that of ``HF_TOKEN`` or ``hf auth login``; False for none.
        cache_dir: None for that of ``HF_HOME``.
        force_download: fetch again what is in the cache.
        local_files_only: do not ask the Hub.

    Raises:
        HubError: the Hub cannot be reached or refuses, or what arrived is not what was sent.
        HubInputError: there is no such repository, revision or file.
        ZooError: what arrived is no model of the zoo, or is not safe.
    """
    api = connect(token)
    cached = _cached(address, cache_dir)
    if local_files_only and cached is None:
        raise HubError("it is not in the cache", where=str(address), remedy="Allow the Hub to be asked.")
    with told(str(address), endpoint=api.endpoint, token=token):
        listing = None if local_files_only else _ask(api, address, cached)
        if listing is None and cached is not None:
            snapshot = _use_cached(cached, address, everything=everything)
        else:
            assert listing is not None
            check_present(listing.files, str(address))
            snapshot = _download(api, address, listing, everything, cache_dir, force_download)
    check_content(snapshot.path, str(address))
    return snapshot


def _ask(api: HfApi, address: Address, cached: Path | None) -> Listing | None:
    """Return what the Hub has; None where it does not answer and the cache can serve instead."""
    try:
        # With a copy at hand nobody waits for a server that is down.
        return list_files(api, address, attempts=1 if cached else 4)
    except Exception as error:
        unreachable = is_passing(error) or isinstance(error, ConnectionError)
        if cached is None or not unreachable:
            raise
        told_error = describe(error, str(address), api.endpoint)
        reason = "HF_HUB_OFFLINE is set" if offline() else told_error.problem if told_error else "it fails"
        warnings.warn(
            f"{address}: the Hub was not asked or did not answer ({reason}); "
            f"using the copy in the cache, commit {cached.name[:12]}",
            ZooWarning,
            stacklevel=4,
        )
        return None


def _cached(address: Address, cache_dir: str | Path | None) -> Path | None:
    """Return the folder in the cache that the revision last stood for, if it is there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(address.repo, CONFIG, cache_dir=cache_dir, revision=address.revision)
    return Path(found).parent if isinstance(found, str) else None


def _use_cached(folder: Path, address: Address, *, everything: bool) -> Snapshot:
    present = [str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()]
    check_present(present, str(address))
    names = choose(present, everything=everything)
    for name in names:
        # The cache calls a file by its checksum.
        known = (folder / name).resolve().name
        if (_SHA256.fullmatch(known) or _SHA1.fullmatch(known)) and known not in checksums(folder / name):
            _discard(folder / name)
            raise HubError(
                f"{name} in the cache is damaged; it was removed",
                where=str(address),
                remedy="Pull it again while there is a network.",
            )
    return Snapshot(folder, folder.name, tuple(names))


def _download(
    api: HfApi, address: Address, listing: Listing, everything: bool, cache_dir: str | Path | None, force: bool
) -> Snapshot:
    names = choose(listing.files, everything=everything)
    for name in names:
        check_size(name, listing.files[name].size, str(address))
    folder = Path()
    for name in names:
        path = _download_one(api, address, listing, name, cache_dir, force)
        folder = path.parent if "/" not in name else folder
    if address.revision != listing.commit:
        # So that the client and we find this commit without a network; the client does so for what it resolves.
        write_text(folder.parent.parent / "refs" / (address.revision or "main"), listing.commit)
    return Snapshot(folder, listing.commit, tuple(names))


def _download_one(
    api: HfApi, address: Address, listing: Listing, name: str, cache_dir: str | Path | None, force: bool
) -> Path:
    """Return one file in the cache whose checksum is right; a wrong one is removed, and fetched again if it was old."""
    from huggingface_hub import try_to_load_from_cache

    remote = listing.files[name]
    old = try_to_load_from_cache(address.repo, name, cache_dir=cache_dir, revision=listing.commit)
    for again in (False, True):
        try:
            path = Path(
                patiently(
                    lambda: api.hf_hub_download(
                        address.repo, name, revision=listing.commit, cache_dir=cache_dir, force_download=force
                    )
                )
            )
        except Exception:
            # Clients before 2.0 keep the half of a file, to go on from there.
            _blob(address, remote, cache_dir).with_suffix(".incomplete").unlink(missing_ok=True)
            raise
        if _is_intact(path, remote):
            return path
        _discard(path)
        if again or not isinstance(old, str) or force:
            break
    raise HubError(
        f"{name} is not what the Hub says that it sent: its checksum is wrong; it was removed",
        where=str(address),
        remedy="Try again; if it stays so, a proxy or the storage of the Hub changes the file.",
    )


def _blob(address: Address, remote: RemoteFile, cache_dir: str | Path | None) -> Path:
    """Return where the cache keeps the content of a file."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(cache_dir or constants.HF_HUB_CACHE) / repo_folder_name(repo_id=address.repo, repo_type="model")
    return folder / "blobs" / str(remote.sha256 or remote.blob)


def _is_intact(path: Path, remote: RemoteFile) -> bool:
    return (remote.sha256 or remote.blob) in checksums(path)


def checksums(path: Path) -> tuple[str, str]:
    """Return the sha256 of a file, and its git blob id."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            blob.update(chunk)
    return sha256.hexdigest(), blob.hexdigest()


def _discard(path: Path) -> None:
    """Remove a file of the cache, and what it links to: the snapshot's link, the blob, and a blob that is shared."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    path.unlink(missing_ok=True)
