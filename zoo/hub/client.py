"""The client of the Hub with our user agent, and retries of transient failures."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.hub.address import Address
from zoo.hub.faults import HubError, connection_errors
from zoo.utils.text import excerpt
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LIBRARY = "latent-zoo"
_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_TRANSIENT = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, as the Hub describes it.

    Attributes:
        size: in bytes.
        checksum: sha256 of its content for a file in large-file storage, its git blob id for every other file.
    """

    size: int
    checksum: str


@dataclass(frozen=True)
class Listing:
    """The files of one commit."""

    commit: str
    files: dict[str, HubFile]


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
    info = with_retries(
        lambda: api.model_info(address.repo, revision=address.revision, files_metadata=True), attempts=attempts
    )
    if not _SHA1.fullmatch(str(info.sha)):
        raise _no_hub(api, address, "the server names no commit")
    return Listing(str(info.sha), {file.rfilename: _described(api, address, file) for file in info.siblings or ()})


def _described(api: HfApi, address: Address, file: Any) -> HubFile:
    """Return what the Hub says of a file; its checksum becomes the name of a file in the cache."""
    checksum, form = (file.lfs.sha256, _SHA256) if file.lfs else (file.blob_id, _SHA1)
    name, size = file.rfilename, file.size
    if not isinstance(name, str) or not isinstance(size, int) or size < 0 or not form.fullmatch(str(checksum)):
        raise _no_hub(api, address, f"the server gives no size or no checksum of {excerpt(name)}")
    return HubFile(size, str(checksum))


def _no_hub(api: HfApi, address: Address, problem: str) -> HubError:
    return HubError(problem, where=str(address), remedy=f"Is {api.endpoint} a Hub? See HF_ENDPOINT.")


def with_retries(call: Callable[[], T], *, attempts: int = 4) -> T:
    """Call, and retry after a pause if the failure is transient, which the client does only for files.

    Raises:
        Exception: what the last attempt raised, or the first that no waiting helps against.
    """
    for attempt in range(1, attempts):
        try:
            return call()
        except Exception as error:
            pause = pause_before_retry(error, attempt) if is_transient(error) else None
            if pause is None:
                raise
        time.sleep(pause)
    return call()


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRANSIENT
    return isinstance(error, (connection_errors(), ConnectionError))


def pause_before_retry(error: Any, attempt: int) -> float | None:
    """Return the seconds to wait, as the server asks or twice as long each time; None if it asks for too many."""
    asked = error.response.headers.get("retry-after", "") if hasattr(error, "response") else ""
    if asked.isdecimal():
        return float(asked) if float(asked) <= _LONGEST_WAIT else None
    return float(2 ** (attempt - 1))
