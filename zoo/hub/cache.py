"""The cache of huggingface_hub, in its documented layout: blobs named by checksum, and links to them by file name.

Source:
    huggingface_hub, "Understand caching". https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.checkpoints.checkpoint import CONFIG
from zoo.errors import ZooError
from zoo.hub.address import Address
from zoo.hub.client import HubFile
from zoo.hub.errors import HubError
from zoo.hub.transfer import checksums, transfer
from zoo.utils.files import replacing, write_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CHECKSUM = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


@dataclass(frozen=True)
class RepositoryCache:
    """The cached files of one repository.

    Attributes:
        root: the folder of the whole cache; nothing outside it is written or removed.
        address: the repository and revision.
    """

    root: Path
    address: Address

    @classmethod
    def of(cls, address: Address, cache_dir: str | Path | None) -> RepositoryCache:
        """Return the cache of a repository in ``cache_dir``; None: in the folder that ``HF_HOME`` sets."""
        from huggingface_hub import constants

        return cls(Path(cache_dir or constants.HF_HUB_CACHE).expanduser(), address)

    @property
    def folder(self) -> Path:
        """The folder of the repository."""
        return self.root / "--".join(("models", *self.address.repo.split("/")))

    def snapshot(self, commit: str) -> Path:
        """Return the folder that holds the files of a commit."""
        return self.folder / "snapshots" / commit

    def cached_snapshot(self) -> Path | None:
        """Return the folder of the commit that the revision last referred to, if it holds a model; else None."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.address.repo, CONFIG, cache_dir=self.root, revision=self.address.revision)
        return Path(found).parent if isinstance(found, str) else None

    def record_revision(self, commit: str) -> None:
        """Record which commit the revision refers to, so that it is found without a network."""
        if self.address.revision != commit:
            write_text(self.folder / "refs" / (self.address.revision or "main"), commit)

    def fetch_file(self, api: HfApi, commit: str, name: str, file: HubFile, *, force: bool) -> None:
        """Download one file of a commit into the cache, unless an intact copy is there.

        Args:
            force: download it even then.

        Raises:
            HubError: the downloaded content does not have the announced size or checksum.
            Exception: the same as :func:`zoo.hub.transfer.transfer` raises.
        """
        pointer, blob = self.snapshot(commit) / name, self.folder / "blobs" / file.checksum
        for present in (pointer, blob):
            if present.is_file() and (force or file.checksum not in checksums(present)):
                self.discard(present)
        if not blob.is_file() and not (pointer.is_file() and not pointer.is_symlink()):
            self._remove_broken_link(blob)
            with replacing(blob) as temporary:
                transfer(api, self.address, commit, name, file, temporary)
        if not pointer.is_file():
            self._remove_broken_link(pointer)
            self._link(blob, pointer)

    def check_intact(self, path: Path) -> None:
        """Check that the content of a cached file matches its checksum.

        Raises:
            HubError: the file is damaged (it is removed), or it links to a file outside the cache.
        """
        content = path.resolve()
        if not content.is_relative_to(self.root.resolve()):
            raise HubError(
                f"{path} leads out of the cache, to {content}",
                where=str(self.address),
                remedy="Delete it, and pull the model again.",
            )
        # Where the file system has links, the name of a blob is its checksum.
        if _CHECKSUM.fullmatch(content.name) and content.name not in checksums(content):
            self.discard(path)
            raise HubError(
                f"{path.name} in the cache was damaged, and has been removed",
                where=str(self.address),
                remedy="Pull the model again while there is a network.",
            )

    def discard(self, path: Path) -> None:
        """Remove a cached file, and the files in the cache that it links to."""
        root = self.root.resolve()
        while path.parent.resolve().is_relative_to(root):
            target = path.parent / path.readlink() if path.is_symlink() else None
            path.unlink(missing_ok=True)
            if target is None:
                return
            path = target

    def _remove_broken_link(self, path: Path) -> None:
        if path.is_symlink():
            path.unlink()

    def _link(self, blob: Path, pointer: Path) -> None:
        pointer.parent.mkdir(parents=True, exist_ok=True)
        if not pointer.parent.resolve().is_relative_to(self.root.resolve()):
            raise ZooError(f"{pointer.parent} leads out of the cache", where=str(self.address), remedy="Delete it.")
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except FileExistsError:  # another process was faster
            return
        except OSError:  # a file system without links
            with replacing(pointer) as temporary:
                shutil.copyfile(blob, temporary)
