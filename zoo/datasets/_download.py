"""Fetching published files into a folder: each is complete and checked, or absent."""

from __future__ import annotations

import hashlib
import http.client
import importlib
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from zoo.errors import DataError

REMEDY = "Set `root` to a folder that holds the files, or use the dataset `digits`, which needs nothing."
_TIMEOUT_SECONDS = 30
_CHUNK = 1 << 16


@dataclass(frozen=True)
class PublishedFile:
    """A file to download: its name, the addresses to try in turn, and its MD5 checksum."""

    name: str
    addresses: Sequence[str]
    md5: str


def resolve_root(root: str | None, download: bool) -> Path:
    """Return the folder of a dataset: ``root``, or one in the user's cache.

    Raises:
        DataError: ``root`` is not a folder, or is absent and may not be downloaded.
    """
    if root is None:
        return user_cache_path("latent-zoo", appauthor=False) / "datasets"
    folder = Path(root).expanduser()
    if folder.exists() and not folder.is_dir():
        raise DataError(f"expected a folder, {folder.absolute()} is a file", where="root", remedy=REMEDY)
    if not folder.exists() and not download:
        raise DataError(f"the folder {folder.absolute()} does not exist", where="root", remedy=REMEDY)
    return folder.absolute()


def find_torchvision_dataset(name: str) -> Any:
    """Import torchvision and return its dataset class, which knows where the files are published.

    Raises:
        DataError: torchvision does not import.
    """
    try:
        return getattr(importlib.import_module("torchvision.datasets"), name)
    except Exception as error:  # a torchvision built for another torch raises RuntimeError, among others
        raise DataError(
            f"downloading {name} needs torchvision, which fails to import: {type(error).__name__}: {error}",
            remedy=f"Install the torchvision that belongs to this torch. {REMEDY}",
        ) from error


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock ``folder``, so that several processes do not download the same files at once.

    Raises:
        DataError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".download.lock"):
            yield
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error})", where="root", remedy=REMEDY) from error


@contextmanager
def fetched(file: PublishedFile, folder: Path, note: Callable[[str], None]) -> Iterator[Path]:
    """Yield a temporary copy of ``file`` that has the right checksum; it is removed afterwards.

    Raises:
        DataError: the file could be had from no address; the message lists what happened at each.
    """
    failures = []
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
        target = Path(temporary) / file.name
        for address in file.addresses:
            note(f"downloading {address} to {folder}")
            try:
                md5 = _fetch(address, target)
            except (OSError, http.client.HTTPException) as error:
                failures.append(f"{address}: {error}")
                continue
            if md5 == file.md5:
                yield target
                return
            failures.append(f"{address}: expected the MD5 checksum {file.md5}, got {md5}")
    raise DataError(
        f"{file.name} is not in {folder} and could not be downloaded:\n  " + "\n  ".join(failures),
        where="root",
        remedy=f"Check the network and try again. {REMEDY}",
    )


def _fetch(address: str, target: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(address, headers={"User-Agent": "latent-zoo"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response, target.open("wb") as file:
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
