"""The client of the Hub as the zoo uses it: it says who is asking, and tries again what fails in passing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.hub.address import Address
from zoo.hub.faults import HubError, connection_errors
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LIBRARY = "latent-zoo"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PASSING = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository, as the Hub describes it.

    Attributes:
        size: in bytes.
        sha256: of its content, for a file in large-file storage.
        blob: its git blob id, for every other file.
    """

    size: int | None
    sha256: str | None
    blob: str | None


@dataclass(frozen=True)
class Listing:
    """The files of one commit."""

    commit: str
    files: dict[str, RemoteFile]


def connect(token: str | bool | None = None) -> HfApi:
    """Return a client of the Hub, or of the server that ``HF_ENDPOINT`` names.

    Args:
        token: one to use; None for that of ``HF_TOKEN`` or ``hf auth login``; False for none.
    """
    from huggingface_hub import HfApi

    endpoint = (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None
    return HfApi(endpoint=endpoint, token=token, library_name=LIBRARY, library_version=__version__)


def list_files(api: HfApi, address: Address, *, attempts: int = 4) -> Listing:
    """Return the commit that a revision stands for at this moment, and its files, in one request."""
    info = patiently(
        lambda: api.model_info(address.repo, revision=address.revision, files_metadata=True), attempts=attempts
    )
    if not _COMMIT.fullmatch(info.sha or ""):
        raise HubError(
            "the server names no commit", where=str(address), remedy=f"Is {api.endpoint} a Hub? See HF_ENDPOINT."
        )
    files = {
        file.rfilename: RemoteFile(file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)
        for file in info.siblings or ()
    }
    return Listing(str(info.sha), files)


def patiently(call: Callable[[], T], *, attempts: int = 4) -> T:
    """Call, and call again after a while where the failure may pass: what the client does for files and not for these.

    Raises:
        Exception: what the last attempt raised, or the first that no waiting helps against.
    """
    for attempt in range(1, attempts):
        try:
            return call()
        except Exception as error:
            if not is_passing(error):
                raise
            pause = _pause(error, attempt)
            if pause is None:
                raise
        time.sleep(pause)
    return call()


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    return isinstance(error, connection_errors())


def _pause(error: Any, attempt: int) -> float | None:
    """Return the seconds to wait, as the server asks or twice as long each time; None if it asks for too many."""
    asked = error.response.headers.get("retry-after", "") if hasattr(error, "response") else ""
    if asked.isdigit():
        return float(asked) if float(asked) <= _LONGEST_WAIT else None
    return float(2 ** (attempt - 1))
