"""Downloads models from the Hub: the files of one commit, each compared with its checksum before it is used."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooWarning
from zoo.hub.address import Address
from zoo.hub.cache import RepositoryCache
from zoo.hub.client import Listing, connect, is_transient, list_files
from zoo.hub.content import check_content, check_present, check_size, files_to_fetch
from zoo.hub.errors import HubError, describe, is_offline
from zoo.hub.limits import hub_calls

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class CachedModel:
    """The files of one commit of a model in the cache.

    Attributes:
        path: the folder of the commit; it may hold other files, which were not checked.
        commit: the id of the commit.
        names: the requested files that the commit has; all of them were checked.
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
) -> CachedModel:
    """Download the model at an address into the cache, and check it.

    The revision is resolved to a commit once, so that all files belong together. Without a network, or with
    ``HF_HUB_OFFLINE``, the copy in the cache is used, with a warning.

    Args:
        everything: fetch the model card and the figures too.
        token: the token to send; None: the one from ``HF_TOKEN`` or ``hf auth login``; False: none.
        cache_dir: folder of the cache; None: the one that ``HF_HOME`` sets.
        force_download: download files that are in the cache again.
        local_files_only: use only the cache, and send no request.

    Raises:
        HubError: the Hub cannot be reached or refuses the request, or a downloaded file has a wrong size or checksum.
        HubInputError: there is no such repository, revision or file.
        ZooError: the repository is not a model of the zoo, or its files are not safe to read.
    """
    api, cache = connect(token), RepositoryCache.of(address, cache_dir)
    cached = cache.cached_snapshot()
    if local_files_only and cached is None:
        raise HubError(
            "the model is not in the cache", where=str(address), remedy="Set `local_files_only=False` to download it."
        )
    with hub_calls(str(address), endpoint=api.endpoint, token=token):
        listing = None if local_files_only else _ask(api, address, cached)
        if listing is None and cached is not None:
            model = _use_cached(cache, cached, everything=everything)
        else:
            assert listing is not None
            model = _download(api, cache, listing, everything=everything, force=force_download)
    check_content(model.path, str(address))
    return model


def _ask(api: HfApi, address: Address, cached: Path | None) -> Listing | None:
    """Return the files on the Hub; None if it does not respond and there is a cached copy to use."""
    try:
        # With a cached copy, there is no need to wait for a server that is down.
        return list_files(api, address, attempts=1 if cached else 4)
    except Exception as error:
        if cached is None or not is_transient(error):
            raise
        failure = describe(error, str(address), api.endpoint)
        reason = "HF_HUB_OFFLINE is set" if is_offline() else failure.problem if failure else "unknown error"
        warnings.warn(
            f"{address}: could not ask the Hub for the current version ({reason}); "
            f"using the copy in the cache, commit {cached.name[:12]}",
            ZooWarning,
            stacklevel=4,
        )
        return None


def _use_cached(cache: RepositoryCache, folder: Path, *, everything: bool) -> CachedModel:
    present = [str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()]
    check_present(present, str(cache.address))
    names = files_to_fetch(present, everything=everything)
    for name in names:
        cache.check_intact(folder / name)
    return CachedModel(folder, folder.name, tuple(names))


def _download(api: HfApi, cache: RepositoryCache, listing: Listing, *, everything: bool, force: bool) -> CachedModel:
    check_present(listing.files, str(cache.address))
    names = files_to_fetch(listing.files, everything=everything)
    for name in names:
        check_size(name, listing.files[name].size, str(cache.address))
    for name in names:
        cache.fetch_file(api, listing.commit, name, listing.files[name], force=force)
    cache.record_revision(listing.commit)
    return CachedModel(cache.snapshot(listing.commit), listing.commit, tuple(names))
