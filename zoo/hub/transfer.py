"""One file from the Hub to a path of our choice: no longer than announced, and compared with its checksum.

The client's own download takes names of files from the answers of the server, and writes as much as the server sends.
Here the server decides on neither.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from zoo.hub.address import Address
from zoo.hub.bounds import STREAMED
from zoo.hub.client import LIBRARY, HubFile, is_transient, pause_before_retry
from zoo.hub.faults import HubError
from zoo.utils.text import readable_size
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CHUNK = 2**20
_ATTEMPTS = 4
"""Attempts in a row that bring no further byte."""
_SLOWEST, _PATIENCE = 1000, 60.0
"""Bytes per second, and the seconds over which they are averaged; below, a transfer counts as stalled."""
_SHOWN = 2**23
"""Bytes from which a transfer shows a progress bar."""


class ChecksumError(HubError):
    """A file has another checksum than its repository announced."""


def transfer(api: HfApi, address: Address, commit: str, name: str, file: HubFile, target: Path) -> None:
    """Write one file of a repository to ``target``, which is temporary and belongs to the caller.

    A connection that is cut is taken up again where it was, as long as each attempt brings something.

    Raises:
        ChecksumError: what arrived has another checksum.
        HubError: the server sends more than it announced, or stalls.
        OSError: the disk is full.
        Exception: what the client raises when the server cannot be reached or refuses.
    """
    free = shutil.disk_usage(target.parent).free
    if file.size > free:
        raise HubError(
            f"the disk is full: {name} has {readable_size(file.size)}, {readable_size(free)} are free",
            where=str(address),
            remedy="Make room, or set HF_HOME to a folder on a larger disk.",
        )
    with target.open("wb") as opened:
        _Transfer(api, address, commit, name, file, opened).run()
    if file.checksum not in checksums(target):
        raise ChecksumError(
            f"{name} is not what the Hub says that it sent: its checksum is wrong; it was removed",
            where=str(address),
            remedy="Try again; if it stays so, a proxy or the storage of the Hub changes the file.",
        )


class _Transfer:
    def __init__(self, api: HfApi, address: Address, commit: str, name: str, file: HubFile, opened: BinaryIO) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        self.address, self.name, self.file, self.opened = address, name, file, opened
        self.url = hf_hub_url(address.repo, name, revision=commit, endpoint=api.endpoint)
        self.headers = build_hf_headers(token=api.token, library_name=LIBRARY, library_version=__version__)
        self.received = 0

    def run(self) -> None:
        """Receive the whole file, in as many attempts as it needs."""
        from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

        hidden = True if self.file.size < _SHOWN else None  # None: shown on a terminal alone
        with tqdm(total=self.file.size, unit="B", unit_scale=True, desc=self.name, disable=hidden) as bar:
            failed = 0
            while True:
                before = self.received
                try:
                    self._attempt(bar)
                    return
                except Exception as error:
                    failed = 1 if self.received > before else failed + 1
                    pause = pause_before_retry(error, failed) if is_transient(error) else None
                    if pause is None or failed >= _ATTEMPTS:
                        raise
                time.sleep(pause)

    def _attempt(self, bar: Any) -> None:
        from huggingface_hub import constants, get_session
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

        headers = {**self.headers, "Accept-Encoding": "identity"}
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
        session = get_session()
        # Redirects lead to storage elsewhere; the session takes the token along only on the same server.
        with session.stream(
            "GET",
            self.url,
            headers=headers,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            follow_redirects=True,
            extensions={STREAMED: True},
        ) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise HubError(
                    f"the server compresses {self.name} unasked",
                    where=str(self.address),
                    remedy="Is HF_ENDPOINT the Hub?",
                )
            hf_raise_for_status(response)
            if self.received and response.status_code != 206:
                self._start_again(bar)
            self._receive(response, bar)

    def _start_again(self, bar: Any) -> None:
        self.opened.seek(0)
        self.opened.truncate()
        self.received = 0
        bar.reset()

    def _receive(self, response: Any, bar: Any) -> None:
        looked_at, had = time.monotonic(), self.received
        for chunk in response.iter_bytes():
            self.received += len(chunk)
            if self.received > self.file.size:
                raise HubError(
                    f"the server sends more than the {readable_size(self.file.size)} of {self.name} that it announced",
                    where=str(self.address),
                    remedy="Nothing of it was kept. Is HF_ENDPOINT the Hub?",
                )
            self.opened.write(chunk)
            bar.update(len(chunk))
            now = time.monotonic()
            if now - looked_at > _PATIENCE:
                if self.received - had < _SLOWEST * _PATIENCE:
                    raise HubError(
                        f"the transfer of {self.name} stalls: {readable_size(self.received - had)} in "
                        f"{now - looked_at:.0f} seconds",
                        where=str(self.address),
                        remedy="Try again later, or check the network.",
                    )
                looked_at, had = now, self.received
        if self.received < self.file.size:
            raise ConnectionResetError(f"it ends after {self.received:,} of {self.file.size:,} bytes")


def checksums(path: Path) -> tuple[str, str]:
    """Return the sha256 of a file, and its git blob id."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            blob.update(chunk)
    return sha256.hexdigest(), blob.hexdigest()
