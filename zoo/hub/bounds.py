"""Limits on what the client reads of a server's answers, which it reads to their end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from zoo.hub.client import LIBRARY
from zoo.hub.faults import HubError, http_library, hub_errors
from zoo.utils.text import excerpt, readable_size

STREAMED = "latent_zoo.streamed"
"""The extension of a request whose content is received piece by piece, under limits of its own."""
_LARGEST = 2**25
_SLOWEST, _PATIENCE = 1000, 60.0
"""Bytes per second, and the seconds over which they are averaged; below, an answer counts as stalled."""
_IS_THE_HUB = "Is HF_ENDPOINT the Hub?"


@contextlib.contextmanager
def hub_calls(where: str, *, endpoint: str, token: str | bool | None = None) -> Iterator[None]:
    """Turn what the client raises into one message, and refuse answers that do not end.

    Listings and error pages are small; one that is larger than 34 MB, or compressed, which could unpack to a
    thousand times its size, is refused. Requests of other packages through the same client are left alone.

    Args:
        where: what the caller named, such as a repository; it stands before the message.
        endpoint: the Hub's address.
        token: what the client sends as a token, which no message may show.
    """
    try:
        with _hooks.held(), hub_errors(where, endpoint=endpoint, token=token):
            yield
    except HubError as error:
        error.where = error.where or where
        raise


class _Hooks:
    """Hooks on the client's session, there as long as any thread needs them.

    The session is one for all threads. ``set_client_factory`` would replace it for everybody, without a way to get back
    what other packages had set, so hooks are added beside theirs, and only those are removed again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[int, int] = {}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        from huggingface_hub import get_session

        session: Any = get_session()
        ours = {"request": _ask_for_plain, "response": _bound}
        with self._lock:
            users = self._users[id(session)] = self._users.get(id(session), 0) + 1
            if users == 1:
                session.event_hooks = _each(session, lambda name, hooks: [*hooks, ours[name]])
        try:
            yield
        finally:
            with self._lock:
                self._users[id(session)] -= 1
                if not self._users[id(session)]:
                    del self._users[id(session)]
                    session.event_hooks = _each(session, lambda name, hooks: [h for h in hooks if h is not ours[name]])


_hooks = _Hooks()


def _each(session: Any, change: Callable[[str, list[Any]], list[Any]]) -> dict[str, list[Any]]:
    return {name: change(name, session.event_hooks.get(name, [])) for name in ("request", "response")}


def _is_ours(request: Any) -> bool:
    return LIBRARY in request.headers.get("user-agent", "")


def _ask_for_plain(request: Any) -> None:
    if _is_ours(request):
        request.headers["Accept-Encoding"] = "identity"


def _bound(response: Any) -> None:
    """Bound an answer that the client reads whole, including the body of a redirection or an error."""
    request = response.request
    if not _is_ours(request) or (STREAMED in request.extensions and response.is_success):
        return
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise HubError(f"the server compresses its answer ({excerpt(encoding)}) unasked", remedy=_IS_THE_HUB)
    response.stream = _bounded(response.stream)


def _bounded(stream: Any) -> Any:
    """Return a stream that gives what another does, up to a limit."""
    # The client accepts only subclasses of this class of the HTTP library that it uses.
    interface: Any = http_library().SyncByteStream

    class Bounded(interface):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            received, began = 0, time.monotonic()
            for part in stream:
                received += len(part)
                if received > _LARGEST:
                    raise HubError(f"the server's answer is larger than {readable_size(_LARGEST)}", remedy=_IS_THE_HUB)
                passed = time.monotonic() - began
                if passed > _PATIENCE and received < _SLOWEST * passed:
                    raise HubError(
                        f"the server's answer stalls: {readable_size(received)} in {passed:.0f} seconds",
                        remedy="Try again later, or check the network.",
                    )
                yield part

        def close(self) -> None:
            stream.close()

    return Bounded()
