"""The cache of huggingface_hub, in the layout that its documentation describes: blobs by checksum, links by name.

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
from zoo.hub.faults import HubError
from zoo.hub.transfer import checksums, transfer
from zoo.utils.files import replacing, write_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CHECKSUM = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


@dataclass(frozen=True)
class RepositoryCache:
    """The cached files of one repository.

    Attributes:
        root: the cache of all repositories; nothing outside of it is written or removed.
    """

    root: Path
    address: Address

    @classmethod
    def of(cls, address: Address, cache_dir: str | Path | None) -> RepositoryCache:
        """Return the cache in ``cache_dir``, or in that of ``HF_HOME``."""
        from huggingface_hub import constants

        return cls(Path(cache_dir or constants.HF_HUB_CACHE).expanduser(), address)

    @property
    def folder(self) -> Path:
        """The folder of the repository."""
        return self.root / "--".join(("models", *self.address.repo.split("/")))

    def snapshot(self, commit: str) -> Path:
        """Return the folder of the files of a commit."""
        return self.folder / "snapshots" / commit

    def last_known(self) -> Path | None:
        """Return the folder of the commit that the revision last stood for, if it holds a model."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.address.repo, CONFIG, cache_dir=self.root, revision=self.address.revision)
        return Path(found).parent if isinstance(found, str) else None

    def note_revision(self, commit: str) -> None:
        """Note which commit the revision stands for, so that it is found without a network."""
        if self.address.revision != commit:
            write_text(self.folder / "refs" / (self.address.revision or "main"), commit)

    def provide(self, api: HfApi, commit: str, name: str, file: HubFile, *, force: bool) -> None:
        """Bring one file of a commit into the cache, unless it is there and intact.

        Raises:
            HubError: what arrives is not what was announced.
            Exception: as :func:`zoo.hub.transfer.transfer`.
        """
        pointer, blob = self.snapshot(commit) / name, self.folder / "blobs" / file.checksum
        for present in (pointer, blob):
            if present.is_file() and (force or file.checksum not in checksums(present)):
                self.discard(present)
        if not blob.is_file() and not (pointer.is_file() and not pointer.is_symlink()):
            self._clear(blob)
            with replacing(blob) as temporary:
                transfer(api, self.address, commit, name, file, temporary)
        if not pointer.is_file():
            self._clear(pointer)
            self._link(blob, pointer)

    def check_intact(self, path: Path) -> None:
        """Refuse a file of the cache whose content is not what its checksum says.

        Raises:
            HubError: it is damaged, and was removed; or it leads out of the cache.
        """
        content = path.resolve()
        if not content.is_relative_to(self.root.resolve()):
            raise HubError(
                f"{path} leads out of the cache, to {content}",
                where=str(self.address),
                remedy="Remove it, and pull the model again.",
            )
        # The cache calls the content of a file by its checksum, where the file system has links.
        if _CHECKSUM.fullmatch(content.name) and content.name not in checksums(content):
            self.discard(path)
            raise HubError(
                f"{path.name} in the cache is damaged; it was removed",
                where=str(self.address),
                remedy="Pull it again while there is a network.",
            )

    def discard(self, path: Path) -> None:
        """Remove a file of the cache and, in the cache, what it links to."""
        root = self.root.resolve()
        while path.parent.resolve().is_relative_to(root):
            target = path.parent / path.readlink() if path.is_symlink() else None
            path.unlink(missing_ok=True)
            if target is None:
                return
            path = target

    def _clear(self, place: Path) -> None:
        """Remove a link that leads nowhere from a place in the cache."""
        if place.is_symlink():
            place.unlink()

    def _link(self, blob: Path, pointer: Path) -> None:
        pointer.parent.mkdir(parents=True, exist_ok=True)
        if not pointer.parent.resolve().is_relative_to(self.root.resolve()):
            raise ZooError(f"{pointer.parent} leads out of the cache", where=str(self.address), remedy="Remove it.")
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except FileExistsError:  # another process has done it
            return
        except OSError:  # a file system without links
            with replacing(pointer) as temporary:
                shutil.copyfile(blob, temporary)
