"""Downloads published files to a folder; a file appears there only when it is complete and checked."""

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
from zoo.utils.stall import StallCheck
from zoo.utils.text import readable_size

REMEDY = "Set `root` to a folder with the files, or use the dataset `digits`, which needs no download."
_TIMEOUT_SECONDS = 30
_CHUNK = 1 << 16
_LARGEST = 2**30
"""Bytes of a file; the largest that is published has 170 million."""


@dataclass(frozen=True)
class PublishedFile:
    """A file to download: its name, the URLs to try in order, and its MD5 checksum."""

    name: str
    addresses: Sequence[str]
    md5: str


def resolve_root(root: str | None, download: bool) -> Path:
    """Return the folder of a dataset: ``root``, or a folder in the user's cache if it is None.

    Raises:
        DataError: ``root`` is not a folder, or does not exist and downloading is not allowed.
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
    """Return a dataset class of torchvision, which knows where the files are published.

    Raises:
        DataError: torchvision cannot be imported.
    """
    try:
        return getattr(importlib.import_module("torchvision.datasets"), name)
    except Exception as error:  # a torchvision built for another torch raises RuntimeError, among others
        raise DataError(
            f"downloading {name} needs torchvision, which cannot be imported: {type(error).__name__}: {error}",
            remedy=f"Install the version of torchvision that matches this torch. {REMEDY}",
        ) from error


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock ``folder``, so that several processes do not download the same files at the same time.

    Raises:
        DataError: the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".download.lock"):
            yield
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error})", where="root", remedy=REMEDY) from error


@contextmanager
def fetched(file: PublishedFile, folder: Path, note: Callable[[str], None]) -> Iterator[Path]:
    """Download ``file`` to a temporary file in ``folder``, check it, and yield its path; it is removed afterwards.

    Raises:
        DataError: no URL provides the file; the message lists the error of each.
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
    received, check = 0, StallCheck()
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response, target.open("wb") as file:
        while chunk := response.read1(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
            received += len(chunk)
            if received > _LARGEST:
                raise OSError(f"the server sends more than {readable_size(_LARGEST)}")
            if stalled := check.stalled(received):
                raise OSError(f"the server stalls: {stalled}")
    return digest.hexdigest()
