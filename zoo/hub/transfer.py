"""Downloads one file from the Hub to a given path, with a limit on its size, and compares it with its checksum.

The client's own download takes file names from the server's responses and writes as much as the server sends. Here the
caller decides on both.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from zoo.hub.address import Address
from zoo.hub.client import HubFile, is_transient, pause_before_retry
from zoo.hub.errors import HubError
from zoo.hub.limits import LIBRARY, STREAMED, limited_responses
from zoo.utils.stall import StallCheck
from zoo.utils.text import readable_size
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CHUNK = 2**20
_ATTEMPTS = 4
"""Consecutive attempts without any progress after which the download fails."""
_SHOWN = 2**23
"""Size in bytes from which a download shows a progress bar."""


class ChecksumError(HubError):
    """A downloaded file does not have the checksum that its repository announced."""


def transfer(api: HfApi, address: Address, commit: str, name: str, file: HubFile, target: Path) -> None:
    """Download one file of a repository to ``target``, a temporary file of the caller.

    A download whose connection is lost continues where it stopped, as long as the attempts make progress.

    Raises:
        ChecksumError: the downloaded content has another checksum.
        HubError: the server sends more than it announced, or stalls.
        OSError: the disk is full.
        Exception: the client's error if the server cannot be reached or refuses the request.
    """
    free = shutil.disk_usage(target.parent).free
    if file.size > free:
        raise HubError(
            f"the disk is full: {name} needs {readable_size(file.size)}, {readable_size(free)} are free",
            where=str(address),
            remedy="Free some space, or set HF_HOME to a folder on a larger disk.",
        )
    with target.open("wb") as opened:
        _Transfer(api, address, commit, name, file, opened).run()
    if file.checksum not in checksums(target):
        raise ChecksumError(
            f"the downloaded {name} does not have the checksum that the Hub announced; it was deleted",
            where=str(address),
            remedy="Try again. If the error remains, a proxy or the Hub's storage changes the file.",
        )


class _Transfer:
    """One download, which may need several attempts."""

    def __init__(self, api: HfApi, address: Address, commit: str, name: str, file: HubFile, opened: BinaryIO) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        self.address, self.name, self.file, self.opened = address, name, file, opened
        self.url = hf_hub_url(address.repo, name, revision=commit, endpoint=api.endpoint)
        self.headers = build_hf_headers(token=api.token, library_name=LIBRARY, library_version=__version__)
        self.received = 0

    def run(self) -> None:
        """Download the whole file, in as many attempts as it needs."""
        from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

        hidden = True if self.file.size < _SHOWN else None  # None: shown on a terminal only
        with tqdm(total=self.file.size, unit="B", unit_scale=True, desc=self.name, disable=hidden) as bar:
            failed = 0
            while True:
                before = self.received
                try:
                    with limited_responses():
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
        # Redirects lead to another storage server, to which the session does not send the token.
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
                    f"expected {self.name} uncompressed, as requested, got it compressed",
                    where=str(self.address),
                    remedy="Check that HF_ENDPOINT is the address of a Hub.",
                )
            hf_raise_for_status(response)
            if self.received and response.status_code != 206:
                self._restart(bar)
            self._receive(response, bar)

    def _restart(self, bar: Any) -> None:
        self.opened.seek(0)
        self.opened.truncate()
        self.received = 0
        bar.reset()

    def _receive(self, response: Any, bar: Any) -> None:
        check = StallCheck(self.received)
        for chunk in response.iter_bytes():
            self.received += len(chunk)
            if self.received > self.file.size:
                raise HubError(
                    f"the server sends more than the {readable_size(self.file.size)} of {self.name} that it announced",
                    where=str(self.address),
                    remedy="The download was deleted. Check that HF_ENDPOINT is the address of a Hub.",
                )
            self.opened.write(chunk)
            bar.update(len(chunk))
            if stalled := check.stalled(self.received):
                raise HubError(
                    f"the download of {self.name} stalls: {stalled}",
                    where=str(self.address),
                    remedy="Try again later, or check the network.",
                )
        if self.received < self.file.size:
            raise ConnectionResetError(f"the connection was closed after {self.received:,} of {self.file.size:,} bytes")


def checksums(path: Path) -> tuple[str, str]:
    """Return the SHA-256 of a file, and its git blob id."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            blob.update(chunk)
    return sha256.hexdigest(), blob.hexdigest()
