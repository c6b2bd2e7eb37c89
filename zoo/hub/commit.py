"""Makes a commit exactly once, even if the response is lost or somebody else commits at the same time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.hub.address import Address
from zoo.hub.bundle import has_same_content
from zoo.hub.client import Listing, is_transient, list_files
from zoo.hub.errors import HubError
from zoo.hub.limits import limited_responses

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_ATTEMPTS = 3


@dataclass(frozen=True)
class Change:
    """The files that a commit adds to a repository, by their name there, and those that it removes."""

    added: Mapping[str, Path] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files that are added or removed."""
        return (*self.added, *self.removed)

    def __bool__(self) -> bool:
        return bool(self.names)

    def is_in(self, listing: Listing) -> bool:
        """Return whether a commit already contains the change."""
        return not any(name in listing.files for name in self.removed) and all(
            name in listing.files and has_same_content(path, listing.files[name]) for name, path in self.added.items()
        )


def commit(api: HfApi, address: Address, head: Listing, change: Change, message: str) -> str:
    """Make one commit on top of ``head`` and return its id.

    The client retries uploads, but not the commit itself, because the commit may have been made although its response
    was lost. The branch is therefore checked before each retry: if it contains the change, nothing is left to do.

    Raises:
        HubError: there are commits after ``head``.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.errors import HfHubHTTPError

    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(name, str(path)) for name, path in change.added.items()),
        *(CommitOperationDelete(name) for name in change.removed),
    ]
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with limited_responses():
                made = api.create_commit(
                    address.repo,
                    list(operations),
                    commit_message=message,
                    revision=address.revision,
                    parent_commit=head.commit,
                )
            return str(made.oid)
        except Exception as error:
            refused = isinstance(error, HfHubHTTPError) and error.response.status_code in (409, 412)
            if not refused and not _is_transient(error):
                raise
            now = list_files(api, address)
            if change.is_in(now):
                return now.commit
            if now.commit != head.commit:
                raise _conflict_error(api, address) from None
            if refused or attempt == _ATTEMPTS:
                raise
        time.sleep(2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def _is_transient(error: BaseException) -> bool:
    # The client wraps errors of an upload in a RuntimeError, "Error while uploading …".
    inner = error.__cause__ if isinstance(error, RuntimeError) else None
    return is_transient(inner or error)


def _conflict_error(api: HfApi, address: Address) -> HubError:
    return HubError(
        "somebody else has pushed to this repository in the meantime; your model was not pushed",
        where=str(address),
        remedy=f"Look at {api.endpoint}/{address.repo}/commits/{address.revision or 'main'}, and push again to add "
        "your model after their commit.",
    )
