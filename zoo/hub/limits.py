"""Limits on the size and duration of a server's responses, which the client reads to their end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from zoo.hub.errors import HubError, http_library, hub_errors
from zoo.utils.stall import StallCheck
from zoo.utils.text import excerpt, readable_size

LIBRARY = "latent-zoo"
"""Name of this package on the Hub and in the header ``user-agent`` of its requests."""
STREAMED = "latent_zoo.streamed"
"""The request extension that marks a response as streamed: :mod:`zoo.hub.transfer` limits those itself."""
_LARGEST = 2**25
_CHECK_ENDPOINT = "Check that HF_ENDPOINT is the address of a Hub."
_LARGE_FILES = "application/vnd.git-lfs+json"
_NOT_CONNECTED = (".connect_tcp.failed", ".connect_unix_socket.failed", ".start_tls.failed")
"""Events of the HTTP library's trace: an attempt to connect has failed."""


@contextlib.contextmanager
def hub_calls(where: str, *, endpoint: str, token: str | bool | None = None) -> Iterator[None]:
    """Limit the client's responses in this block, and raise its errors as one message each.

    Listings and error pages are small. A response is refused if it is larger than 34 MB, or if it is compressed, since
    it could then unpack to a thousand times its size. Requests that other packages make through the same client are
    not affected, except for uploads: the client's uploads do not say which package made them.

    Args:
        where: the name that an error message begins with, such as a repository.
        endpoint: the Hub's address.
        token: the token that the client sends; it is removed from messages.
    """
    try:
        with limited_responses(), hub_errors(where, endpoint=endpoint, token=token):
            yield
    except HubError as error:
        error.where = error.where or where
        raise


def limited_responses() -> contextlib.AbstractContextManager[None]:
    """Limit the responses that the client's current session receives in this block.

    Another package can make the client open a new session at any time, without our limits. So each attempt of a request
    is made in a block of its own.
    """
    return _session_hooks.installed()


class _Hooks:
    """Adds our hooks to the client's session for as long as any thread needs them.

    All threads share one session. ``set_client_factory`` would close it during the requests of other threads, and there
    is no way to restore the factory that others had set. Our hooks are therefore added beside theirs, and only ours are
    removed.

    If a connection cannot be made, the client closes its session and opens a new one, without our hooks. To prevent
    this, our requests then raise another error. For uploads it is one after which the client retries, but keeps its
    session. For other requests it is one that the client does not handle, and this package retries them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[int, int] = {}

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Add the hooks in this block, unless another thread has done so."""
        from huggingface_hub import get_session

        session: Any = get_session()
        ours = {"request": _prepare_request, "response": _limit_response}
        with self._lock:
            users = self._users[id(session)] = self._users.get(id(session), 0) + 1
            if users == 1:
                session.event_hooks = _changed_hooks(session, lambda name, hooks: [*hooks, ours[name]])
        try:
            yield
        finally:
            with self._lock:
                self._users[id(session)] -= 1
                if not self._users[id(session)]:
                    del self._users[id(session)]
                    session.event_hooks = _changed_hooks(
                        session, lambda name, hooks: [hook for hook in hooks if hook is not ours[name]]
                    )


_session_hooks = _Hooks()


def _changed_hooks(session: Any, change: Callable[[str, list[Any]], list[Any]]) -> dict[str, list[Any]]:
    """Return the session's hooks by event, with each list replaced by what ``change`` returns."""
    return {name: change(name, session.event_hooks.get(name, [])) for name in ("request", "response")}


def _is_ours(request: Any) -> bool:
    """Whether this package made a request, or may have made it: the client's uploads do not say."""
    return _is_upload(request) or LIBRARY in request.headers.get("user-agent", "")


def _is_upload(request: Any) -> bool:
    return request.method == "PUT" or _LARGE_FILES in request.headers.get("accept", "")


def _prepare_request(request: Any) -> None:
    """Refuse compression, and keep the client's session open if the connection fails."""
    if _is_ours(request):
        request.headers["Accept-Encoding"] = "identity"
        trace = request.extensions.get("trace")
        # A request that follows a redirection inherits the extensions of the first one.
        if not isinstance(trace, _Trace):
            failure = http_library().NetworkError if _is_upload(request) else ConnectionError
            request.extensions = {**request.extensions, "trace": _Trace(trace, failure)}


class _Trace:
    """Replaces the error of a failed connection by one on which the client does not close its session."""

    def __init__(self, theirs: Callable[[str, dict[str, Any]], None] | None, failure: type[Exception]) -> None:
        self._theirs, self._failure = theirs, failure

    def __call__(self, name: str, info: dict[str, Any]) -> None:
        if self._theirs is not None:
            self._theirs(name, info)
        error = info.get("exception")
        if name.endswith(_NOT_CONNECTED) and isinstance(error, Exception):
            raise self._failure(str(error)) from error


def _limit_response(response: Any) -> None:
    """Limit a response that the client reads completely; redirections and errors have a body too."""
    request = response.request
    if not _is_ours(request) or (STREAMED in request.extensions and response.is_success):
        return
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise HubError(
            f"expected an uncompressed response, as requested, got {excerpt(encoding)}", remedy=_CHECK_ENDPOINT
        )
    response.stream = _limited(response.stream)


def _limited(stream: Any) -> Any:
    """Return a stream with the same content that raises an error if it is too large or too slow."""
    # The client accepts only subclasses of this class of its HTTP library.
    interface: Any = http_library().SyncByteStream

    class Limited(interface):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            received, check = 0, StallCheck()
            for part in stream:
                received += len(part)
                if received > _LARGEST:
                    raise HubError(
                        f"expected a response of at most {readable_size(_LARGEST)}, got a larger one",
                        remedy=_CHECK_ENDPOINT,
                    )
                if stalled := check.stalled(received):
                    raise HubError(
                        f"the server's response stalls: {stalled}",
                        remedy="Try again later, or check the network.",
                    )
                yield part

        def close(self) -> None:
            stream.close()

    return Limited()
