"""The Hub client with our user agent, and retries of transient errors."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.hub.address import Address
from zoo.hub.errors import HubError, connection_errors
from zoo.hub.limits import LIBRARY, limited_responses
from zoo.utils.text import excerpt
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_TRANSIENT = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, as the Hub describes it.

    Attributes:
        size: in bytes.
        checksum: the SHA-256 of its content for a file in large-file storage, its git blob id for any other file.
    """

    size: int
    checksum: str


@dataclass(frozen=True)
class Listing:
    """The files of one commit, by name."""

    commit: str
    files: dict[str, HubFile]


def connect(token: str | bool | None = None) -> HfApi:
    """Return a client for the Hub, or for the server that ``HF_ENDPOINT`` names.

    Args:
        token: the token to send; None: the one from ``HF_TOKEN`` or ``hf auth login``; False: none.
    """
    from huggingface_hub import HfApi

    endpoint = (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None
    return HfApi(endpoint=endpoint, token=token, library_name=LIBRARY, library_version=__version__)


def list_files(api: HfApi, address: Address, *, attempts: int = 4) -> Listing:
    """Return the commit that a revision refers to at this moment, and its files, in one request."""
    info = with_retries(
        lambda: api.model_info(address.repo, revision=address.revision, files_metadata=True), attempts=attempts
    )
    if not _SHA1.fullmatch(str(info.sha)):
        raise _not_a_hub(api, address, f"expected the id of a commit from the server, got {excerpt(info.sha)}")
    return Listing(str(info.sha), {file.rfilename: _described(api, address, file) for file in info.siblings or ()})


def _described(api: HfApi, address: Address, file: Any) -> HubFile:
    """Return the size and checksum that the Hub gives for a file; the checksum becomes the file's name in the cache."""
    checksum, form = (file.lfs.sha256, _SHA256) if file.lfs else (file.blob_id, _SHA1)
    name, size = file.rfilename, file.size
    if not isinstance(name, str) or not isinstance(size, int) or size < 0 or not form.fullmatch(str(checksum)):
        raise _not_a_hub(api, address, f"expected a size and a checksum from the server for {excerpt(name)}, got none")
    return HubFile(size, str(checksum))


def _not_a_hub(api: HfApi, address: Address, problem: str) -> HubError:
    return HubError(
        problem, where=str(address), remedy=f"Check that {api.endpoint} is the address of a Hub (HF_ENDPOINT)."
    )


def with_retries(call: Callable[[], T], *, attempts: int = 4) -> T:
    """Call a function, and retry after a pause if the error is transient.

    The client itself retries uploads, and few other requests.

    Raises:
        Exception: the error of the last attempt, or the first error that is not transient.
    """
    for attempt in range(1, attempts):
        try:
            with limited_responses():
                return call()
        except Exception as error:
            pause = pause_before_retry(error, attempt) if is_transient(error) else None
            if pause is None:
                raise
        time.sleep(pause)
    with limited_responses():
        return call()


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed a moment later."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRANSIENT
    return isinstance(error, (connection_errors(), ConnectionError))


def pause_before_retry(error: Any, attempt: int) -> float | None:
    """Return how many seconds to wait before the next attempt.

    This is the time that the server asks for, or else twice as long after each attempt. None: the server asks for more
    than a minute.
    """
    asked = error.response.headers.get("retry-after", "") if hasattr(error, "response") else ""
    if asked.isdecimal():
        return float(asked) if float(asked) <= _LONGEST_WAIT else None
    return float(2 ** (attempt - 1))
